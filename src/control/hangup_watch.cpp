#include "control/hangup_watch.h"

#include <sys/epoll.h>

#include <cerrno>

namespace cove {

Result<std::unique_ptr<HangupWatch>> HangupWatch::create(EventLoop& loop) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return Error::from_errno(errno, "epoll");
  std::unique_ptr<HangupWatch> watch(new HangupWatch(std::move(epoll)));
  watch->registration_ = loop.watch(watch->epoll_.get(), Ready::kRead, [raw = watch.get()] { raw->drain(); });
  return watch;
}

Result<void> HangupWatch::add(std::uint64_t id, int fd, std::function<void()> on_gone) {
  epoll_event event{};
  event.events = EPOLLONESHOT;  // EPOLLHUP and EPOLLERR come unasked
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return Error::from_errno(errno, "epoll_ctl");
  entries_[id] = Entry{fd, std::move(on_gone)};
  return {};
}

void HangupWatch::remove(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  entries_.erase(found);
}

void HangupWatch::drain() {
  epoll_event events[16];
  const int count = ::epoll_wait(epoll_.get(), events, 16, 0);
  for (int i = 0; i < count; ++i) {
    const auto found = entries_.find(events[i].data.u64);
    if (found != entries_.end() && found->second.on_gone) std::exchange(found->second.on_gone, nullptr)();
  }
}

}  // namespace cove
