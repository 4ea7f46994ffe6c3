#include "disk/sparse_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace cove {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{8} << 20U;

// For file systems between which the kernel does not copy.
Result<void> copy_by_hand(int from, int to, std::uint64_t offset, std::uint64_t length) {
  std::vector<char> buffer(std::size_t{1} << 20U);
  while (length > 0) {
    const ssize_t got = ::pread(from, buffer.data(), std::min<std::uint64_t>(buffer.size(), length),
                                static_cast<off_t>(offset));
    if (got < 0) return Error::from_errno(errno, "read");
    if (got == 0) return Error(Code::kDataLoss, "the file became shorter while it was copied");
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done),
                                   static_cast<off_t>(offset) + done);
      if (put < 0) return Error::from_errno(errno, "write");
      done += put;
    }
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<void> copy_piece(int from, int to, std::uint64_t offset, std::uint64_t length) {
  while (length > 0) {
    auto in = static_cast<off_t>(offset);
    auto out = in;
    const ssize_t n = ::copy_file_range(from, &in, to, &out, length, 0);
    if (n <= 0) return copy_by_hand(from, to, offset, length);
    offset += static_cast<std::uint64_t>(n);
    length -= static_cast<std::uint64_t>(n);
  }
  return {};
}

}  // namespace

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
      COVE_TRY(copy_piece(from, to, offset, piece));
      offset += piece;
      length -= piece;
      done += piece;
      progress.amount(done, std::max(done, total));
    }
    return {};
  });
}

}  // namespace cove
