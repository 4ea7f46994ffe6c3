#include "state/memory_layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/files.h"
#include "base/io.h"
#include "disk/sparse_copy.h"

namespace cove {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;
constexpr std::uint32_t kUnmapped = PageRef::kZeros;

bool is_zero_page(std::string_view page) { return page.find_first_not_of('\0') == std::string_view::npos; }

Result<void> read_at(int fd, std::uint64_t offset, std::span<char> buffer) {
  if (COVE_TRY(pread_upto(fd, offset, buffer)) == buffer.size()) return {};
  return Error(Code::kDataLoss, "the file is shorter than it has to be");
}

// Writes the parts of `bytes` that are not pages of zeros to where they belong.
Result<void> write_not_zero(int fd, std::uint64_t offset, std::string_view bytes) {
  std::size_t begin = 0;  // of the run that is not written yet
  for (std::size_t at = 0; at < bytes.size(); at += kPageBytes) {
    if (!is_zero_page(bytes.substr(at, kPageBytes))) continue;
    COVE_TRY(pwrite_all(fd, offset + begin, bytes.substr(begin, at - begin)));
    begin = std::min<std::size_t>(at + kPageBytes, bytes.size());
  }
  return pwrite_all(fd, offset + begin, bytes.substr(begin));
}

// A new file under a hidden name beside `final_path`. Two processes may make the same full layer at once.
std::filesystem::path hidden_name(const std::filesystem::path& final_path) {
  return final_path.parent_path() /
         ("." + final_path.filename().string() + "." + std::to_string(::getpid()) + ".new");
}

Result<UniqueFd> create_hidden(const std::filesystem::path& final_path) {
  COVE_TRY(make_directories(final_path.parent_path(), 0700));
  return open_file(hidden_name(final_path), O_RDWR | O_CREAT | O_TRUNC, 0600);
}

Result<void> publish(int fd, const std::filesystem::path& final_path) {
  if (::fsync(fd) != 0) return Error::from_errno(errno, "sync");
  return rename_durably(hidden_name(final_path), final_path);
}

Result<void> copy_memory(const OpContext& ctx, int from, int to, Progress& progress) {
  struct stat info {};
  if (::fstat(from, &info) != 0) return Error::from_errno(errno, "stat");
  if (::ftruncate(to, info.st_size) != 0) return Error::from_errno(errno, "truncate");
  const auto total = static_cast<std::uint64_t>(info.st_blocks) * 512;
  std::uint64_t done = 0;
  std::string buffer(kPieceBytes, '\0');
  return for_each_extent(from, [&](std::uint64_t offset, std::uint64_t length) -> Result<void> {
    while (length > 0) {
      COVE_TRY(ctx.check());
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
      COVE_TRY(read_at(from, offset, std::span(buffer.data(), piece)));
      COVE_TRY(write_not_zero(to, offset, std::string_view(buffer).substr(0, piece)));
      offset += piece;
      length -= piece;
      done += piece;
      progress.amount(done, std::max(done, total));
    }
    return {};
  });
}

}  // namespace

Result<void> write_full_layer(const OpContext& ctx, int memory_fd, const std::filesystem::path& layer,
                              Progress& progress) {
  const auto fd = COVE_TRY(create_hidden(layer));
  auto written = copy_memory(ctx, memory_fd, fd.get(), progress);
  if (written.ok()) written = publish(fd.get(), layer);
  if (!written.ok()) ::unlink(hidden_name(layer).c_str());
  return std::move(written).context("writing the memory to " + layer.string());
}

// --- PageLayerWriter ---

PageLayerWriter::PageLayerWriter(Options options, UniqueFd fd)
    : options_(std::move(options)), fd_(std::move(fd)), index_{.memory_bytes = options_.memory_bytes} {
  if (options_.before != nullptr) layer_numbers_.assign(options_.before->layers.size(), kUnmapped);
}

PageLayerWriter::~PageLayerWriter() {
  if (fd_.valid()) ::unlink(hidden_name(options_.layer).c_str());
}

Result<PageLayerWriter> PageLayerWriter::create(Options options) {
  auto fd = COVE_TRY(create_hidden(options.layer));
  return PageLayerWriter(std::move(options), std::move(fd));
}

Result<void> PageLayerWriter::add(std::uint32_t page, std::string_view bytes) {
  COVE_CHECK(bytes.size() % kPageBytes == 0);
  COVE_CHECK(index_.pages.empty() || page > index_.pages.back().page);
  if (options_.full_layer >= 0) return add_changed(page, bytes);
  for (; !bytes.empty(); bytes.remove_prefix(kPageBytes))
    COVE_TRY(add_page(page++, bytes.substr(0, kPageBytes)));
  return {};
}

Result<void> PageLayerWriter::add_changed(std::uint32_t page, std::string_view bytes) {
  std::string there(bytes.size(), '\0');
  COVE_TRY(read_at(options_.full_layer, page * kPageBytes, there).context("the full layer"));
  for (std::size_t at = 0; at < bytes.size(); at += kPageBytes, ++page) {
    const auto bytes_now = bytes.substr(at, kPageBytes);
    if (bytes_now != std::string_view(there).substr(at, kPageBytes)) COVE_TRY(add_page(page, bytes_now));
  }
  return {};
}

Result<void> PageLayerWriter::add_page(std::uint32_t page, std::string_view bytes) {
  const auto sum = Checksum128::of(bytes);
  if (auto ref = known(page, sum)) {
    index_.pages.push_back(*ref);
    return {};
  }
  PageRef ref{.page = page, .checksum = sum};
  if (!is_zero_page(bytes)) {
    ref.slot = slots_++;
    ref.layer = kUnmapped - 1;  // its number is known when it is clear that there is such a layer
    pending_ += bytes;
  }
  index_.pages.push_back(ref);
  return pending_.size() >= kPieceBytes ? flush() : Result<void>();
}

// The page as the state before has it, if it has the same bytes.
std::optional<PageRef> PageLayerWriter::known(std::uint32_t page, const Checksum128& sum) {
  if (options_.before == nullptr) return std::nullopt;
  const auto& pages = options_.before->pages;
  while (before_at_ < pages.size() && pages[before_at_].page < page) ++before_at_;
  if (before_at_ == pages.size() || pages[before_at_].page != page) return std::nullopt;
  PageRef ref = pages[before_at_];
  if (ref.checksum != sum) return std::nullopt;
  if (ref.layer != PageRef::kZeros) ref.layer = take_over(ref.layer);
  return ref;
}

// The number in the new index of one of the layers before: layers that nothing is taken of are left out.
std::uint32_t PageLayerWriter::take_over(std::uint32_t layer_of_before) {
  auto& number = layer_numbers_[layer_of_before];
  if (number == kUnmapped) {
    number = static_cast<std::uint32_t>(index_.layers.size());
    index_.layers.push_back(options_.before->layers[layer_of_before]);
  }
  return number;
}

Result<void> PageLayerWriter::flush() {
  const auto end = std::uint64_t{slots_} * kPageBytes;
  COVE_TRY(pwrite_all(fd_.get(), end - pending_.size(), pending_));
  pending_.clear();
  return {};
}

Result<PageIndex> PageLayerWriter::finish() {
  COVE_TRY(flush());
  if (slots_ != 0) {
    const auto number = static_cast<std::uint32_t>(index_.layers.size());
    index_.layers.push_back(options_.layer_id);
    for (auto& ref : index_.pages) {
      if (ref.layer == kUnmapped - 1) ref.layer = number;
    }
    COVE_TRY(publish(fd_.get(), options_.layer));
  } else {
    ::unlink(hidden_name(options_.layer).c_str());
  }
  fd_.reset();
  return std::move(index_);
}

// --- reading ---

namespace {

// How many of the index's entries from `first` on are pages that follow each other, in memory and in one
// layer.
std::size_t run_length(const std::vector<PageRef>& pages, std::size_t first) {
  constexpr std::size_t kMost = kPieceBytes / kPageBytes;
  std::size_t count = 1;
  while (count < kMost && first + count < pages.size()) {
    const auto& a = pages[first + count - 1];
    const auto& b = pages[first + count];
    const bool follows = b.page == a.page + 1 && b.layer == a.layer;
    if (!follows || (b.layer != PageRef::kZeros && b.slot != a.slot + 1)) break;
    ++count;
  }
  return count;
}

}  // namespace

Result<void> read_indexed_pages(
    const PageIndex& index, const std::function<Result<UniqueFd>(const std::string& layer_id)>& open,
    const std::function<Result<void>(std::uint32_t page, std::string_view bytes)>& take) {
  std::vector<UniqueFd> layers;
  for (const auto& id : index.layers) layers.push_back(COVE_TRY(open(id)));
  std::string buffer;
  for (std::size_t at = 0; at < index.pages.size();) {
    const auto count = run_length(index.pages, at);
    const auto& first = index.pages[at];
    buffer.assign(count * kPageBytes, '\0');
    const bool stored = first.layer != PageRef::kZeros;
    const auto context = [&] {
      return stored ? "page layer " + index.layers[first.layer] : "a page of zeros";
    };
    if (stored) {
      COVE_TRY(read_at(layers[first.layer].get(), std::uint64_t{first.slot} * kPageBytes, buffer)
                   .context(context()));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto page = std::string_view(buffer).substr(i * kPageBytes, kPageBytes);
      if (Checksum128::of(page) != index.pages[at + i].checksum) {
        return Error(Code::kDataLoss, context() + ": the checksum of page " + std::to_string(first.page + i) +
                                          " does not fit");
      }
    }
    COVE_TRY(take(first.page, buffer));
    at += count;
  }
  return {};
}

Result<void> write_merged_layer(const OpContext& ctx, int full_layer, const PageIndex& index,
                                const std::function<Result<UniqueFd>(const std::string& layer_id)>& open,
                                const std::filesystem::path& layer, Progress& progress) {
  const auto fd = COVE_TRY(create_hidden(layer));
  auto written = copy_memory(ctx, full_layer, fd.get(), progress);
  if (written.ok()) {
    written = read_indexed_pages(index, open, [&](std::uint32_t page, std::string_view bytes) {
      return pwrite_all(fd.get(), page * kPageBytes, bytes);
    });
  }
  if (written.ok()) written = publish(fd.get(), layer);
  if (!written.ok()) ::unlink(hidden_name(layer).c_str());
  return std::move(written).context("writing the memory to " + layer.string());
}

}  // namespace cove
