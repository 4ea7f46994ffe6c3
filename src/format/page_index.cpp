#include "format/page_index.h"

#include "base/check.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::string_view kIndexMagic = "COVEPGIX";
constexpr std::uint32_t kIndexVersion = 1;
constexpr std::size_t kIndexHeaderBytes = 64;
constexpr std::size_t kChecksumAt = 48;
constexpr std::size_t kLayerBytes = 16;
constexpr std::size_t kPageRefBytes = 32;
constexpr std::uint64_t kMaxIndexedMemory = std::uint64_t{16} << 40U;
constexpr std::uint32_t kMaxLayers = 65536;

template <typename Number>
void append_number(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
}

void append_checksum(std::string& out, const Checksum128& sum) {
  append_number(out, sum.high);
  append_number(out, sum.low);
}

// Reads numbers one after the other; the caller has checked that they are there.
class NumberReader {
 public:
  NumberReader(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) {}
  template <typename Number>
  Number next() {
    Number value = 0;
    for (std::size_t i = sizeof value; i > 0; --i)
      value = static_cast<Number>(value << 8U | static_cast<unsigned char>(bytes_[at_ + i - 1]));
    at_ += sizeof value;
    return value;
  }
  Checksum128 checksum() {
    const auto high = next<std::uint64_t>();
    return {high, next<std::uint64_t>()};
  }

 private:
  std::string_view bytes_;
  std::size_t at_;
};

Checksum128 checksum_without_itself(std::string_view bytes) {
  Checksum128Stream stream;
  stream.update(bytes.substr(0, kChecksumAt));
  stream.update(std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", kIndexHeaderBytes - kChecksumAt));
  stream.update(bytes.substr(kIndexHeaderBytes));
  return stream.digest();
}

Error damaged_index(std::string_view what) {
  return Error(Code::kDataLoss, "page index: " + std::string(what));
}

struct IndexHeader {
  std::uint64_t memory_bytes = 0;
  std::uint32_t layers = 0;
  std::uint64_t pages = 0;
};

Result<IndexHeader> parse_header(std::string_view bytes) {
  if (bytes.size() < kIndexHeaderBytes) return damaged_index("shorter than its header");
  if (!bytes.starts_with(kIndexMagic)) return damaged_index("it does not begin like one");
  NumberReader reader(bytes, kIndexMagic.size());
  const auto version = reader.next<std::uint32_t>();
  if (version > kIndexVersion)
    return Error(Code::kFailedPrecondition,
                 "page index: version " + std::to_string(version) + " was written by a newer cove");
  if (version != kIndexVersion) return damaged_index("impossible version");
  if (reader.next<std::uint32_t>() != kPageBytes) return damaged_index("impossible size of pages");
  IndexHeader header;
  header.memory_bytes = reader.next<std::uint64_t>();
  header.layers = reader.next<std::uint32_t>();
  const auto reserved = reader.next<std::uint32_t>();
  header.pages = reader.next<std::uint64_t>();
  if (header.memory_bytes % kPageBytes != 0 || header.memory_bytes > kMaxIndexedMemory)
    return damaged_index("impossible size of memory");
  if (header.layers > kMaxLayers) return damaged_index("too many layers");
  if (header.pages > header.memory_bytes / kPageBytes) return damaged_index("more pages than memory has");
  if (reserved != 0 || reader.next<std::uint64_t>() != 0)
    return damaged_index("its reserved bytes are in use");
  if (bytes.size() != kIndexHeaderBytes + header.layers * kLayerBytes + header.pages * kPageRefBytes)
    return damaged_index("its length is not what its header says");
  if (reader.checksum() != checksum_without_itself(bytes)) return damaged_index("its checksum does not fit");
  return header;
}

std::vector<std::string> read_layers(std::string_view bytes, const IndexHeader& header) {
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < header.layers; ++i)
    layers.push_back(hex_encode(bytes.substr(kIndexHeaderBytes + i * kLayerBytes, kLayerBytes)));
  return layers;
}

Result<void> check_ref(const PageRef& ref, const IndexHeader& header, const std::vector<PageRef>& before) {
  if (ref.page >= header.memory_bytes / kPageBytes) return damaged_index("a page beyond the memory");
  if (!before.empty() && ref.page <= before.back().page) return damaged_index("pages out of order");
  if (ref.layer == PageRef::kZeros ? ref.slot != 0 : ref.layer >= header.layers)
    return damaged_index("a page of no layer");
  return {};
}

}  // namespace

std::string encode_page_index(const PageIndex& index) {
  std::string out(kIndexMagic);
  out.reserve(kIndexHeaderBytes + index.layers.size() * kLayerBytes + index.pages.size() * kPageRefBytes);
  append_number(out, kIndexVersion);
  append_number(out, static_cast<std::uint32_t>(kPageBytes));
  append_number(out, index.memory_bytes);
  append_number(out, static_cast<std::uint32_t>(index.layers.size()));
  append_number(out, std::uint32_t{0});
  append_number(out, std::uint64_t{index.pages.size()});
  append_number(out, std::uint64_t{0});
  append_checksum(out, {});
  for (const auto& layer : index.layers) {
    const auto id = hex_decode(layer);
    COVE_CHECK(id && id->size() == kLayerBytes);
    out += *id;
  }
  for (const auto& ref : index.pages) {
    append_number(out, ref.page);
    append_number(out, ref.slot);
    append_number(out, ref.layer);
    append_number(out, std::uint32_t{0});
    append_checksum(out, ref.checksum);
  }
  std::string sum;
  append_checksum(sum, checksum_without_itself(out));
  return out.replace(kChecksumAt, sum.size(), sum);
}

Result<std::vector<std::string>> parse_page_index_layers(std::string_view bytes) {
  const auto header = COVE_TRY(parse_header(bytes));
  return read_layers(bytes, header);
}

Result<PageIndex> parse_page_index(std::string_view bytes) {
  const auto header = COVE_TRY(parse_header(bytes));
  PageIndex index{.memory_bytes = header.memory_bytes, .layers = read_layers(bytes, header)};
  NumberReader reader(bytes, kIndexHeaderBytes + header.layers * kLayerBytes);
  index.pages.reserve(header.pages);
  for (std::uint64_t i = 0; i < header.pages; ++i) {
    PageRef ref;
    ref.page = reader.next<std::uint32_t>();
    ref.slot = reader.next<std::uint32_t>();
    ref.layer = reader.next<std::uint32_t>();
    if (reader.next<std::uint32_t>() != 0) return damaged_index("its reserved bytes are in use");
    ref.checksum = reader.checksum();
    COVE_TRY(check_ref(ref, header, index.pages));
    index.pages.push_back(ref);
  }
  return index;
}

}  // namespace cove
