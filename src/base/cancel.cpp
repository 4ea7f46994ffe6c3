#include "base/cancel.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "base/unique_fd.h"

namespace cove {

Deadline Deadline::after(std::chrono::nanoseconds span) { return at(Clock::now() + span); }

Deadline Deadline::at(Clock::time_point when) {
  Deadline deadline;
  deadline.when_ = when;
  return deadline;
}

std::optional<std::chrono::nanoseconds> Deadline::remaining() const {
  if (!when_) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(*when_ - Clock::now(), std::chrono::nanoseconds(0));
}

int Deadline::poll_timeout_ms() const {
  const auto left = remaining();
  if (!left) return -1;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*left).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

Deadline Deadline::earlier(Deadline a, Deadline b) {
  if (!a.when_) return b;
  if (!b.when_) return a;
  return *a.when_ < *b.when_ ? a : b;
}

struct CancelToken::State {
  std::atomic<bool> fired{false};
  UniqueFd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  // A child also has an epoll descriptor over its own event and its parent's: readable when either is, and
  // the parent's cancel() need not know its children (it may run in a signal handler).
  std::shared_ptr<State> parent;
  UniqueFd either;
};

bool CancelToken::cancelled() const {
  for (const State* state = state_.get(); state != nullptr; state = state->parent.get()) {
    if (state->fired.load(std::memory_order_acquire)) return true;
  }
  return false;
}

int CancelToken::fd() const {
  if (!state_) return -1;
  return state_->either ? state_->either.get() : state_->event.get();
}

CancelSource::CancelSource() : state_(std::make_shared<CancelToken::State>()) {
  COVE_CHECK(state_->event.valid());
}

CancelSource CancelSource::child_of(const CancelToken& parent) {
  CancelSource child;
  if (parent.fd() < 0) return child;
  child.state_->parent = parent.state_;
  child.state_->either.reset(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {child.state_->event.get(), parent.fd()}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    COVE_CHECK(::epoll_ctl(child.state_->either.get(), EPOLL_CTL_ADD, fd, &interest) == 0);
  }
  return child;
}

CancelToken CancelSource::token() const { return CancelToken(state_); }

void CancelSource::cancel() const {
  state_->fired.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state_->event.get(), &one, sizeof one);
}

Result<void> OpContext::check() const {
  if (cancel.cancelled()) return Error(Code::kCancelled, "cancelled");
  if (deadline.expired()) return Error(Code::kDeadlineExceeded, "deadline exceeded");
  return {};
}

}  // namespace cove
