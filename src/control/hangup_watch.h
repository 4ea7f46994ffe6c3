// HangupWatch: tells when the other end of a socket has gone for good, without reading from it (a client that
// only closed its sending half is still there). Loop's thread only; no timers, one descriptor for all.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class HangupWatch {
 public:
  static Result<std::unique_ptr<HangupWatch>> create(EventLoop& loop);
  // Calls on_gone once. Watch ids are the caller's; the descriptor stays open until remove().
  Result<void> add(std::uint64_t id, int fd, std::function<void()> on_gone);
  void remove(std::uint64_t id);

 private:
  explicit HangupWatch(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  void drain();

  struct Entry {
    int fd;
    std::function<void()> on_gone;
  };
  UniqueFd epoll_;
  std::map<std::uint64_t, Entry> entries_;
  Registration registration_;
};

}  // namespace cove
