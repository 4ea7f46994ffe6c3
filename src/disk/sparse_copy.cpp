#include "disk/sparse_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string>

#include "base/io.h"

namespace cove {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{8} << 20U;

// For file systems between which the kernel does not copy.
Result<void> copy_by_hand(int from, std::uint64_t from_offset, int to, std::uint64_t to_offset,
                          std::uint64_t length) {
  std::string buffer(std::min<std::uint64_t>(length, std::size_t{1} << 20U), '\0');
  while (length > 0) {
    const auto want = std::min<std::uint64_t>(buffer.size(), length);
    const auto got = COVE_TRY(pread_upto(from, from_offset, std::span(buffer.data(), want)));
    if (got < want) return Error(Code::kDataLoss, "the file became shorter while it was copied");
    COVE_TRY(pwrite_all(to, to_offset, std::string_view(buffer.data(), got)));
    from_offset += got;
    to_offset += got;
    length -= got;
  }
  return {};
}

}  // namespace

Result<void> copy_range(int from, std::uint64_t from_offset, int to, std::uint64_t to_offset,
                        std::uint64_t length) {
  while (length > 0) {
    auto in = static_cast<off_t>(from_offset);
    auto out = static_cast<off_t>(to_offset);
    const ssize_t n = ::copy_file_range(from, &in, to, &out, length, 0);
    if (n <= 0) return copy_by_hand(from, from_offset, to, to_offset, length);
    from_offset += static_cast<std::uint64_t>(n);
    to_offset += static_cast<std::uint64_t>(n);
    length -= static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> for_each_extent(int fd, const std::function<Result<void>(std::uint64_t, std::uint64_t)>& visit) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "stat");
  off_t at = 0;
  while (at < info.st_size) {
    const off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    if (data < 0) return Error::from_errno(errno, "seek");
    const off_t hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0) return Error::from_errno(errno, "seek");
    COVE_TRY(visit(static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole - data)));
    at = hole;
  }
  return {};
}

Result<void> copy_sparse(const OpContext& ctx, int from, int to, Progress& progress) {
  struct stat info {};
  if (::fstat(from, &info) != 0) return Error::from_errno(errno, "stat");
  if (::ftruncate(to, info.st_size) != 0) return Error::from_errno(errno, "truncate");
  const auto total = static_cast<std::uint64_t>(info.st_blocks) * 512;
  std::uint64_t done = 0;
  return for_each_extent(from, [&](std::uint64_t offset, std::uint64_t length) -> Result<void> {
    while (length > 0) {
      COVE_TRY(ctx.check());
      const std::uint64_t piece = std::min(length, kPiece);
      COVE_TRY(copy_range(from, offset, to, offset, piece));
      offset += piece;
      length -= piece;
      done += piece;
      progress.amount(done, std::max(done, total));
    }
    return {};
  });
}

}  // namespace cove
