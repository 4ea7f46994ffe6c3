// SocketAcceptor: a listening unix socket of ours on a loop: hands every connection of the same user to its
// owner. With as many open as the owner bears the next ones wait, unaccepted, until one has ended; it also
// rests when the process has no descriptor left. Loop's thread; the name is removed with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class SocketAcceptor {
 public:
  struct Options {
    std::filesystem::path path;
    std::size_t max_open = 64;  // at least 1
    // Gets non-blocking, close-on-exec descriptors. Each counts as open until ended() is called for it.
    std::function<void(UniqueFd)> on_connection;
  };
  // Binds and listens (0600).
  static Result<std::unique_ptr<SocketAcceptor>> create(EventLoop& loop, Options options);
  ~SocketAcceptor();
  SocketAcceptor(const SocketAcceptor&) = delete;

  // One connection has ended: the next may come.
  void ended();

 private:
  SocketAcceptor(EventLoop& loop, Options options, UniqueFd listener);
  void listen();
  void accept_all();
  void admit(UniqueFd fd);

  EventLoop& loop_;
  const Options options_;
  UniqueFd listener_;
  std::size_t open_ = 0;
  bool full_ = false;  // not accepting until one has ended
  bool told_ = false;  // the log, once
  Registration accepting_;
};

// How many connections one socket of a process with `descriptors` (RLIMIT_NOFILE) may have open: what each
// takes on its way (events, waiters, the two sockets' both) times that many leaves room for the machine's
// own.
std::size_t connections_within(std::uint64_t descriptors);

// One line {"error": reason} to a connection that is not served; never blocks.
void turn_away(int fd, const char* reason);

}  // namespace cove
