#include "cli/log_follower.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/files.h"
#include "base/io.h"

namespace cove {
namespace {

constexpr std::size_t kLogChunk = std::size_t{64} << 10U;
constexpr std::size_t kMostKept = std::size_t{64} << 20U;

class Follower {
 public:
  Follower(const LogRequest& request, Output& out) : request_(request), out_(out) {}

  Result<void> open() {
    file_ = COVE_TRY(open_file(request_.file, O_RDONLY));
    return {};
  }

  Result<void> show_new(const OpContext& ctx) {
    std::array<char, kLogChunk> buffer;
    for (;;) {
      COVE_TRY(ctx.check());
      const ssize_t count = ::read(file_.get(), buffer.data(), buffer.size());
      if (count < 0) return Error::from_errno(errno, request_.file.string());
      if (count == 0) break;
      show({buffer.data(), static_cast<std::size_t>(count)});
    }
    out_.flush();
    return {};
  }

  Result<void> show_tail(const OpContext& ctx, std::uint64_t lines) {
    const auto text = COVE_TRY(read_to_end(ctx, file_.get(), kMostKept));
    show(last_lines(text, lines));
    return {};
  }

  // A file that was replaced or cut short is read from its beginning.
  Result<void> catch_up_with_name() {
    struct stat ours {};
    struct stat named {};
    if (::fstat(file_.get(), &ours) != 0 || ::stat(request_.file.c_str(), &named) != 0) return {};
    if (ours.st_ino != named.st_ino || ours.st_dev != named.st_dev) return open();
    if (::lseek(file_.get(), 0, SEEK_CUR) > ours.st_size) ::lseek(file_.get(), 0, SEEK_SET);
    return {};
  }

  Result<void> follow(const OpContext& ctx) {
    const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch) return Error::from_errno(errno, "inotify");
    const auto folder = request_.file.parent_path();
    if (::inotify_add_watch(watch.get(), folder.c_str(), IN_MODIFY | IN_MOVED_TO | IN_CREATE) < 0) {
      return Error::from_errno(errno, folder.string());
    }
    for (;;) {
      const bool going_on = request_.go_on();
      COVE_TRY(show_new(ctx));
      COVE_TRY(catch_up_with_name());
      COVE_TRY(show_new(ctx));
      if (!going_on || out_.failure()) return {};
      auto woken = wait_ready(ctx.with_timeout(std::chrono::seconds(1)), watch.get(), Ready::kRead);
      if (!woken.ok() && woken.error().code() == Code::kCancelled) return woken;
      std::array<char, 4096> events;
      while (::read(watch.get(), events.data(), events.size()) > 0) continue;
    }
  }

 private:
  void show(std::string_view text) {
    if (request_.style == LogRequest::Style::kAsIs) {
      out_.print(text);
      return;
    }
    std::string plain(text);
    std::erase(plain, '\r');
    out_.print(printable(plain));
  }

  const LogRequest& request_;
  Output& out_;
  UniqueFd file_;
};

}  // namespace

std::string_view last_lines(std::string_view text, std::uint64_t lines) {
  if (lines == 0) return {};
  auto end = text.size();
  if (end > 0 && text[end - 1] == '\n') --end;
  for (; lines > 0; --lines) {
    const auto feed = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    if (feed == std::string_view::npos) return text;
    end = feed;
  }
  return text.substr(end + 1);
}

Result<void> show_log(const OpContext& ctx, const LogRequest& request, Output& out) {
  Follower follower(request, out);
  COVE_TRY(follower.open());
  if (request.last_lines) COVE_TRY(follower.show_tail(ctx, *request.last_lines));
  COVE_TRY(follower.show_new(ctx));
  if (request.follow == LogRequest::Follow::kNo) return {};
  return follower.follow(ctx);
}

}  // namespace cove
