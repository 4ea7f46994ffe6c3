// SocketAcceptor: a listening unix socket of ours on a loop: hands every connection of the same user to its
// owner, rests when the process has no descriptor left. Loop's thread; the name is removed with it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class SocketAcceptor {
 public:
  // Binds and listens (0600). `on_connection` gets non-blocking, close-on-exec descriptors.
  static Result<std::unique_ptr<SocketAcceptor>> create(EventLoop& loop, const std::filesystem::path& path,
                                                        std::function<void(UniqueFd)> on_connection);
  ~SocketAcceptor();
  SocketAcceptor(const SocketAcceptor&) = delete;

 private:
  SocketAcceptor(EventLoop& loop, std::filesystem::path path, UniqueFd listener,
                 std::function<void(UniqueFd)> on_connection);
  void listen();
  void accept_all();
  void admit(UniqueFd fd);

  EventLoop& loop_;
  std::filesystem::path path_;
  UniqueFd listener_;
  std::function<void(UniqueFd)> on_connection_;
  Registration accepting_;
};

// One line {"error": reason} to a connection that is not served; never blocks.
void turn_away(int fd, const char* reason);

}  // namespace cove
