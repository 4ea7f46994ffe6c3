#include "disk/qcow2_clusters.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/files.h"
#include "base/io.h"

namespace cove {
namespace {

constexpr std::uint64_t kOffsetMask = 0x00fffffffffffe00;
constexpr std::uint64_t kCompressedBit = std::uint64_t{1} << 62U;
constexpr std::uint64_t kZeroBit = 1;
constexpr std::uint64_t kDirtyFeature = 1;    // reference counts may be wrong: nothing here reads them
constexpr std::uint64_t kCorruptFeature = 2;  // QEMU found it damaged

std::uint64_t load_be64(const char* bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}

// What the file does not have reads as zeros, as in QEMU.
Result<std::vector<std::uint64_t>> read_entries(int fd, std::uint64_t offset, std::size_t count) {
  std::string bytes(count * 8, '\0');
  COVE_TRY(pread_upto(fd, offset, bytes));
  std::vector<std::uint64_t> entries(count);
  for (std::size_t i = 0; i < count; ++i) entries[i] = load_be64(bytes.data() + 8 * i);
  return entries;
}

}  // namespace

Result<Qcow2Clusters> Qcow2Clusters::open(const std::filesystem::path& path) {
  return read(COVE_TRY(open_file(path, O_RDONLY)), path.string());
}

Result<Qcow2Clusters> Qcow2Clusters::read(UniqueFd fd, std::string name) {
  std::string head(kQcow2HeaderRead, '\0');
  head.resize(COVE_TRY(pread_upto(fd.get(), 0, head).context(name)));
  auto header = COVE_TRY(parse_qcow2_header(head).context(name));
  if ((header.incompatible_features & kCorruptFeature) != 0)
    return Error(Code::kDataLoss, name + ": marked as damaged by QEMU");
  if (header.cluster_bits != 16 || (header.incompatible_features & ~kDirtyFeature) != 0 || header.version < 3)
    return Error(Code::kUnimplemented, name + ": a qcow2 file with features that cove does not use");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, name);
  Qcow2Clusters clusters(std::move(fd), std::move(name), std::move(header));
  clusters.file_bytes_ = static_cast<std::uint64_t>(info.st_size);
  constexpr auto kPerTable = kQcow2Cluster * kQcow2TableEntries;
  const auto tables = static_cast<std::size_t>((clusters.header_.virtual_bytes + kPerTable - 1) / kPerTable);
  clusters.l1_ = COVE_TRY(read_entries(clusters.fd(), clusters.header_.l1_offset, tables));
  return clusters;
}

Error Qcow2Clusters::damaged(std::string_view what) const {
  return Error(Code::kDataLoss, name_ + ": " + std::string(what));
}

Result<Qcow2Cluster> Qcow2Clusters::decode(std::uint64_t entry) const {
  if ((entry & kCompressedBit) != 0)
    return Error(Code::kUnimplemented, name_ + ": compressed clusters are not supported");
  if ((entry & kZeroBit) != 0) return Qcow2Cluster{Qcow2Cluster::Kind::kZeros, 0};
  const auto offset = entry & kOffsetMask;
  if (offset == 0) return Qcow2Cluster{};
  if (offset % kQcow2Cluster != 0) return damaged("a cluster that is not at a multiple of its size");
  return Qcow2Cluster{Qcow2Cluster::Kind::kData, offset};
}

Result<std::vector<Qcow2Cluster>> Qcow2Clusters::table(std::size_t number) const {
  std::vector<Qcow2Cluster> clusters;
  if (number >= l1_.size() || (l1_[number] & kOffsetMask) == 0) return clusters;
  const auto offset = l1_[number] & kOffsetMask;
  if (offset % kQcow2Cluster != 0 || offset >= file_bytes_) return damaged("a table that is not in the file");
  const auto entries = COVE_TRY(read_entries(fd(), offset, kQcow2TableEntries).context(name_));
  clusters.reserve(entries.size());
  for (const auto entry : entries) clusters.push_back(COVE_TRY(decode(entry)));
  return clusters;
}

}  // namespace cove
