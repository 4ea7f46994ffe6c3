#include "catalog/image_digest.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "disk/sparse_copy.h"
#include "format/sha256.h"

namespace cove {
namespace {

constexpr std::uint64_t kBlock = 65536;

bool all_zeros(const std::string& block) {
  return block.front() == '\0' && std::memcmp(block.data(), block.data() + 1, block.size() - 1) == 0;
}

class FileDigest {
 public:
  FileDigest(const OpContext& ctx, int fd, Sha256& sum, Progress& progress)
      : ctx_(ctx), fd_(fd), sum_(sum), progress_(progress) {}

  // Blocks that lie in, or only partly in, this piece of data; each once, as pieces come in order.
  Result<void> piece(std::uint64_t offset, std::uint64_t length) {
    std::uint64_t index = std::max(offset / kBlock, next_);
    for (; index * kBlock < offset + length; ++index) COVE_TRY(block(index));
    next_ = index;
    return {};
  }

 private:
  Result<void> block(std::uint64_t index) {
    COVE_TRY(ctx_.check());
    buffer_.resize(kBlock);
    const ssize_t got = ::pread(fd_, buffer_.data(), kBlock, static_cast<off_t>(index * kBlock));
    if (got < 0) return Error::from_errno(errno, "read");
    buffer_.resize(static_cast<std::size_t>(got));
    done_ += buffer_.size();
    if (done_ % (kBlock * 128) == 0) progress_.amount(done_, 0);
    if (buffer_.empty() || all_zeros(buffer_)) return {};
    sum_.update(std::to_string(index) + ":");
    sum_.update(buffer_);
    return {};
  }

  const OpContext& ctx_;
  int fd_;
  Sha256& sum_;
  Progress& progress_;
  std::string buffer_;
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<std::string> image_digest(const OpContext& ctx, const std::filesystem::path& folder,
                                 const std::vector<std::string>& names, Progress& progress) {
  Sha256 sum;
  for (const std::string& name : names) {
    const UniqueFd fd = COVE_TRY(open_file(folder / name, O_RDONLY));
    const off_t length = ::lseek(fd.get(), 0, SEEK_END);
    if (length < 0) return Error::from_errno(errno, name);
    sum.update(name + "\n" + std::to_string(length) + "\n");
    FileDigest file(ctx, fd.get(), sum, progress);
    COVE_TRY(for_each_extent(fd.get(), [&](std::uint64_t offset, std::uint64_t size) {
               return file.piece(offset, size);
             }).context(name));
  }
  return "sha256:" + sum.finish_hex();
}

}  // namespace cove
