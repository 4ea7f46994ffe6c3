#include "disk/qcow2_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "disk/sparse_copy.h"

namespace cove {
namespace {

// As encode_qcow2() lays a file out.
constexpr std::uint64_t kCountTableAt = kQcow2Cluster;
constexpr std::uint64_t kFirstCountsAt = 2 * kQcow2Cluster;
constexpr std::uint64_t kL1At = 3 * kQcow2Cluster;
constexpr std::uint64_t kCountsPerBlock = kQcow2Cluster / 2;
constexpr std::uint64_t kMaxClusters =
    kCountsPerBlock * kQcow2TableEntries;  // what one table of counts leads to

constexpr std::uint64_t kOwnedBit = std::uint64_t{1} << 63U;  // referred to once: may be written in place
constexpr std::uint64_t kZeroEntry = 1;
constexpr std::uint64_t kPushBytes = std::uint64_t{8} << 20U;

void append_be(std::string& bytes, std::uint64_t value, unsigned width) {
  for (unsigned i = width; i > 0; --i) bytes.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xffU));
}

std::uint64_t entry_of(const Qcow2Cluster& cluster) {
  if (cluster.kind == Qcow2Cluster::Kind::kData) return cluster.offset | kOwnedBit;
  return cluster.kind == Qcow2Cluster::Kind::kZeros ? kZeroEntry : 0;
}

}  // namespace

Qcow2Writer::Qcow2Writer(UniqueFd fd, Qcow2Layout layout)
    : fd_(std::move(fd)), head_(std::move(layout.head)), next_(layout.file_bytes / kQcow2Cluster) {
  head_.resize(kQcow2Cluster);  // the counts are another ones in the end
}

Result<Qcow2Writer> Qcow2Writer::create(const Options& options) {
  auto layout = COVE_TRY(encode_qcow2(options.virtual_bytes, options.backing_file, options.backing_format));
  return Qcow2Writer(COVE_TRY(open_file(options.path, O_RDWR | O_CREAT | O_EXCL, 0600)), std::move(layout));
}

std::uint64_t Qcow2Writer::take() { return next_++ * kQcow2Cluster; }

Result<void> Qcow2Writer::copy(int from, std::uint64_t from_offset, std::uint64_t to_offset,
                               std::uint64_t length) {
  COVE_TRY(copy_range(from, from_offset, fd_.get(), to_offset, length));
  push_out();
  return {};
}

// Half of the disk's bandwidth for somebody else: what was pushed out before is waited for, so that never
// more than two pieces of ours lie in the page cache for a sync of others to wait for.
void Qcow2Writer::push_out() {
  const auto end = next_ * kQcow2Cluster;
  if (end < pushed_ + kPushBytes) return;
  const auto at = [](std::uint64_t offset) { return static_cast<off_t>(offset); };
  const auto before = pushed_ > kPushBytes ? pushed_ - kPushBytes : 0;
  ::sync_file_range(fd_.get(), at(pushed_), at(end - pushed_), SYNC_FILE_RANGE_WRITE);
  ::sync_file_range(fd_.get(), at(before), at(pushed_ - before), SYNC_FILE_RANGE_WAIT_BEFORE);
  pushed_ = end;
}

Result<void> Qcow2Writer::put_table(std::size_t number, const std::vector<Qcow2Cluster>& clusters) {
  const bool empty = std::all_of(clusters.begin(), clusters.end(), [](const Qcow2Cluster& cluster) {
    return cluster.kind == Qcow2Cluster::Kind::kAbsent;
  });
  if (empty) return {};
  std::string table;
  table.reserve(kQcow2Cluster);
  for (const auto& cluster : clusters) append_be(table, entry_of(cluster), 8);
  table.resize(kQcow2Cluster);
  if (l1_.size() <= number) l1_.resize(number + 1);
  const auto offset = take();
  l1_[number] = offset | kOwnedBit;
  return pwrite_all(fd_.get(), offset, table);
}

// Every cluster of the file is referred to once, those with the counts among them.
Result<void> Qcow2Writer::put_counts() {
  std::vector<std::uint64_t> blocks{kFirstCountsAt};
  while (blocks.size() * kCountsPerBlock < next_) blocks.push_back(take());
  if (next_ > kMaxClusters) return Error(Code::kOutOfRange, "the disk would be larger than 16 TiB");
  std::string table;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    append_be(table, blocks[i], 8);
    std::string counts;
    const auto count = std::min(kCountsPerBlock, next_ - i * kCountsPerBlock);
    for (std::uint64_t cluster = 0; cluster < count; ++cluster) append_be(counts, 1, 2);
    COVE_TRY(pwrite_all(fd_.get(), blocks[i], counts));
  }
  return pwrite_all(fd_.get(), kCountTableAt, table);
}

Result<void> Qcow2Writer::finish() {
  COVE_TRY(put_counts());
  std::string l1;
  for (const auto entry : l1_) append_be(l1, entry, 8);
  COVE_TRY(pwrite_all(fd_.get(), kL1At, l1));
  COVE_TRY(pwrite_all(fd_.get(), 0, head_));
  if (::ftruncate(fd_.get(), static_cast<off_t>(next_ * kQcow2Cluster)) != 0 || ::fsync(fd_.get()) != 0)
    return Error::from_errno(errno, "writing a disk");
  return {};
}

}  // namespace cove
