#include "format/qcow2_header.h"

#include <algorithm>

namespace cove {
namespace {

constexpr std::uint32_t kMagic = 0x514649fb;
constexpr std::uint32_t kBackingFormatExtension = 0xe2792aca;
constexpr std::uint32_t kClusterBits = 16;
constexpr std::uint64_t kCluster = std::uint64_t{1} << kClusterBits;
constexpr std::uint32_t kQcow2HeaderBytes = 104;
constexpr std::size_t kMaxBackingName = 1023;
constexpr std::uint64_t kMaxL1Entries = std::uint64_t{32} << 17U;  // QEMU's limit of 32 MiB

std::uint64_t load_be(std::string_view bytes, std::size_t offset, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) value = value << 8U | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}
std::uint32_t load_be32(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(load_be(bytes, offset, 4));
}
void store_be(std::string& bytes, std::size_t offset, std::uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * (width - 1 - i)) & 0xffU);
  }
}
Error damaged_qcow2(std::string_view what) {
  return Error(Code::kDataLoss, "qcow2 header: " + std::string(what));
}

Result<void> parse_extensions(std::string_view bytes, std::size_t offset, std::size_t end, Qcow2Header& out) {
  while (offset + 8 <= end) {
    const std::uint32_t type = load_be32(bytes, offset);
    const std::uint32_t length = load_be32(bytes, offset + 4);
    offset += 8;
    if (type == 0) break;
    if (length > end - offset) return damaged_qcow2("an extension is longer than the header");
    if (type == kBackingFormatExtension) out.backing_format = bytes.substr(offset, length);
    offset += (std::size_t{length} + 7) / 8 * 8;
  }
  return {};
}

}  // namespace

std::uint64_t Qcow2Header::capacity_bytes() const {
  // One L1 entry leads to a cluster of 8-byte L2 entries, each of which is one cluster.
  const std::uint64_t per_entry = std::uint64_t{1} << (2 * cluster_bits - 3);
  return std::min(l1_entries * per_entry, kMaxDiskBytes);
}

Result<Qcow2Header> parse_qcow2_header(std::string_view bytes) {
  if (bytes.size() < 72 || load_be32(bytes, 0) != kMagic) return damaged_qcow2("not a qcow2 file");
  Qcow2Header header;
  header.version = load_be32(bytes, 4);
  if (header.version != 2 && header.version != 3) return damaged_qcow2("unknown version");
  if (header.version == 3 && bytes.size() < kQcow2HeaderBytes) return damaged_qcow2("too short");
  header.cluster_bits = load_be32(bytes, 20);
  if (header.cluster_bits < 9 || header.cluster_bits > 21) return damaged_qcow2("impossible cluster size");
  header.virtual_bytes = load_be(bytes, kQcow2SizeOffset, 8);
  if (header.virtual_bytes > kMaxDiskBytes) return damaged_qcow2("size beyond 16 TiB");
  if (load_be32(bytes, 32) != 0) {
    return Error(Code::kUnimplemented, "qcow2 header: encrypted disks are not supported");
  }
  header.l1_entries = load_be32(bytes, 36);
  header.l1_offset = load_be(bytes, 40, 8);
  const std::uint64_t cluster = std::uint64_t{1} << header.cluster_bits;
  if (header.l1_entries > kMaxL1Entries) return damaged_qcow2("impossible L1 size");
  if (header.l1_offset % cluster != 0) return damaged_qcow2("L1 table not at a cluster");
  if (header.virtual_bytes > header.capacity_bytes()) return damaged_qcow2("L1 table too small for the size");
  std::size_t extensions = 72;
  if (header.version == 3) {
    header.incompatible_features = load_be(bytes, 72, 8);
    extensions = load_be32(bytes, 100);
    if (extensions < kQcow2HeaderBytes || extensions > cluster || extensions % 8 != 0) {
      return damaged_qcow2("impossible header length");
    }
  }
  const std::uint64_t name_offset = load_be(bytes, 8, 8);
  const std::uint32_t name_bytes = load_be32(bytes, 16);
  std::size_t end = std::min<std::uint64_t>(bytes.size(), cluster);
  if (name_offset != 0) {
    if (name_bytes > kMaxBackingName || name_offset > end || name_bytes > end - name_offset) {
      return damaged_qcow2("backing file name outside of the header");
    }
    header.backing_offset = name_offset;
    header.backing_file = bytes.substr(name_offset, name_bytes);
    end = name_offset;
  }
  COVE_TRY(parse_extensions(bytes, extensions, end, header));
  return header;
}

Result<Qcow2Layout> encode_qcow2(std::uint64_t virtual_bytes, std::string_view backing_file,
                                 std::string_view backing_format) {
  if (virtual_bytes == 0 || virtual_bytes % 512 != 0 || virtual_bytes > kMaxDiskBytes) {
    return Error(Code::kInvalidArgument, "disk size " + std::to_string(virtual_bytes) +
                                             ": must be a multiple of 512 and at most 16 TiB");
  }
  if (backing_file.size() > kMaxBackingName) {
    return Error(Code::kInvalidArgument, "backing file name longer than 1023 bytes");
  }
  // Clusters: 0 header, 1 refcount table, 2 its only block (good for 2 GiB of metadata and data), 3.. L1.
  constexpr std::uint64_t kPerL1 = std::uint64_t{1} << (2 * kClusterBits - 3);
  constexpr std::uint64_t kL1Entries = kMaxDiskBytes / kPerL1;  // holes in the file until they are used
  const std::uint64_t l1_clusters = (kL1Entries * 8 + kCluster - 1) / kCluster;
  const std::uint64_t used = 3 + l1_clusters;

  Qcow2Layout layout;
  layout.file_bytes = used * kCluster;
  std::string& head = layout.head;
  head.assign(2 * kCluster + used * 2, '\0');
  store_be(head, 0, kMagic, 4);
  store_be(head, 4, 3, 4);
  store_be(head, 20, kClusterBits, 4);
  store_be(head, kQcow2SizeOffset, virtual_bytes, 8);
  store_be(head, 36, kL1Entries, 4);
  store_be(head, 40, 3 * kCluster, 8);
  store_be(head, 48, kCluster, 8);
  store_be(head, 56, 1, 4);
  store_be(head, 96, 4, 4);  // refcounts of 2^4 bits
  store_be(head, 100, kQcow2HeaderBytes, 4);
  std::size_t offset = kQcow2HeaderBytes;
  if (!backing_file.empty()) {
    store_be(head, offset, kBackingFormatExtension, 4);
    store_be(head, offset + 4, backing_format.size(), 4);
    head.replace(offset + 8, backing_format.size(), backing_format);
    offset += 8 + (backing_format.size() + 7) / 8 * 8 + 8;  // the last 8: end of extensions
    store_be(head, 8, offset, 8);
    store_be(head, 16, backing_file.size(), 4);
    head.replace(offset, backing_file.size(), backing_file);
  }
  store_be(head, kCluster, 2 * kCluster, 8);
  for (std::uint64_t i = 0; i < used; ++i) store_be(head, 2 * kCluster + 2 * i, 1, 2);
  return layout;
}

}  // namespace cove
