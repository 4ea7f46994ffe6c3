#include "base/poll_waiter.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdint>

namespace cove {
namespace {

// Without a descriptor of its own, when the process has no more of them, it looks now and then.
constexpr int kBlindMs = 50;

}  // namespace

PollWaiter::PollWaiter() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void PollWaiter::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void PollWaiter::wait(const OpContext& ctx) const {
  pollfd fds[] = {{ctx.cancel.fd(), POLLIN, 0}, {event_.get(), POLLIN, 0}};
  int timeout = ctx.deadline.poll_timeout_ms();
  if (!event_) timeout = timeout < 0 ? kBlindMs : std::min(timeout, kBlindMs);
  if (::poll(fds, 2, timeout) <= 0 || fds[1].revents == 0) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto drained = ::read(event_.get(), &count, sizeof count);
}

}  // namespace cove
