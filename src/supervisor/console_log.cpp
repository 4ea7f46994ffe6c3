#include "supervisor/console_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND;

// Drops escape sequences and control characters; tabs become blanks.
std::string plain_text(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte == 0x1b && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < 0x40 || line[i] > 0x7e)) ++i;
    } else if (byte == 0x1b) {
      ++i;
    } else if (byte == '\t') {
      text += ' ';
    } else if (byte >= 0x20 && byte != 0x7f) {
      text += line[i];
    }
  }
  return std::string(trim(text));
}

}  // namespace

Result<ConsoleLog> ConsoleLog::open(const std::filesystem::path& path) {
  UniqueFd fd = COVE_TRY(open_file(path, kFlags, 0600));
  struct stat status {};
  if (::fstat(fd.get(), &status) < 0) return Error::from_errno(errno, path.string());
  return ConsoleLog(path, std::move(fd), static_cast<std::uint64_t>(status.st_size));
}

void ConsoleLog::rotate() {
  if (::rename(path_.c_str(), (path_.string() + ".1").c_str()) < 0) return;
  auto fresh = open_file(path_, kFlags, 0600);
  if (fresh.ok()) fd_ = std::move(fresh).value();
  size_ = 0;
}

void ConsoleLog::append(std::string_view bytes) {
  if (size_ + bytes.size() > kMaxBytes && size_ > 0) rotate();
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      lost_bytes_ += bytes.size();
      return;
    }
    size_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void ConsoleTail::append(std::string_view bytes) {
  end_ += bytes.size();
  if (bytes.size() >= kMaxBytes) {
    bytes_ = bytes.substr(bytes.size() - kMaxBytes);
    return;
  }
  // Trimmed at twice the size, so that most appends move nothing.
  if (bytes_.size() + bytes.size() > 2 * kMaxBytes) bytes_.erase(0, bytes_.size() - kMaxBytes);
  bytes_ += bytes;
}

std::string ConsoleTail::from(std::uint64_t position) const {
  const std::uint64_t wanted = end_ - std::min(position, end_);
  const auto kept = static_cast<std::size_t>(std::min<std::uint64_t>({wanted, kMaxBytes, bytes_.size()}));
  return bytes_.substr(bytes_.size() - kept);
}

std::vector<std::string> ConsoleTail::lines(std::size_t count) const {
  std::vector<std::string> result;
  const std::string text = from(0);
  const auto raw = split(text, '\n');
  for (auto line = raw.rbegin(); line != raw.rend() && result.size() < count; ++line) {
    std::string plain = plain_text(*line);
    if (plain.size() > 200) plain.resize(200);
    if (!plain.empty()) result.push_back(std::move(plain));
  }
  std::reverse(result.begin(), result.end());
  return result;
}

}  // namespace cove
