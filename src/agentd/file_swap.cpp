#include "agentd/file_swap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

bool is_so(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) < 0 || !S_ISREG(info.st_mode) || (info.st_mode & 07777U) != mode)
    return false;
  const auto now = read_file(path, bytes.size());
  return now.ok() && *now == bytes;
}

}  // namespace

Result<Change> swap_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  if (is_so(path, bytes, mode)) return Change::kNone;
  const std::string temporary = path.string() + ".cove-" + hex_encode(random_bytes(8));
  const UniqueFd fd = COVE_TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  const auto written = [&]() -> Result<void> {
    COVE_TRY(write_all({}, fd.get(), bytes));
    if (::fchmod(fd.get(), mode) < 0 || ::rename(temporary.c_str(), path.c_str()) < 0)
      return Error::from_errno(errno, path.c_str());
    return {};
  }();
  if (written.ok()) return Change::kDone;
  ::unlink(temporary.c_str());
  return written.error();
}

}  // namespace cove::agentd
