#include "base/clock.h"

#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

namespace cove {

std::chrono::steady_clock::time_point SystemClock::now() const { return std::chrono::steady_clock::now(); }
std::chrono::system_clock::time_point SystemClock::wall_now() const {
  return std::chrono::system_clock::now();
}

Result<void> SystemClock::sleep(const OpContext& ctx, std::chrono::nanoseconds span) {
  const Deadline end = Deadline::after(span);
  while (!end.expired()) {
    COVE_TRY(ctx.check());
    pollfd fd{ctx.cancel.fd(), POLLIN, 0};
    if (::poll(&fd, 1, Deadline::earlier(end, ctx.deadline).poll_timeout_ms()) < 0 && errno != EINTR) {
      return Error::from_errno(errno, "poll");
    }
  }
  return ctx.check();
}

std::string format_rfc3339(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Result<std::chrono::system_clock::time_point> parse_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return Error(Code::kInvalidArgument, "not a time: " + text);
  if (*rest == '.') {
    do ++rest;
    while (*rest >= '0' && *rest <= '9');
  }
  if (std::string_view(rest) != "Z") return Error(Code::kInvalidArgument, "not a time in UTC: " + text);
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace cove
