// ControlServer: the control socket: JSON lines in, JSON lines out, a thread for each connection. Made, used
// and destroyed on its loop's thread; the destructor cancels what handlers do and joins their threads. Bytes
// from clients are hostile: lines are bounded, unknown clients are refused before their requests are read.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/result.h"
#include "control/control_handler.h"

namespace cove {

struct ControlServerOptions {
  std::filesystem::path socket;
  std::string token;                 // must not be empty
  std::size_t max_connections = 64;  // open at once; more wait to be accepted
  std::size_t max_line_bytes = std::size_t{1} << 20U;
  int max_refusals = 3;                                             // of one connection, then it is closed
  std::chrono::milliseconds idle = std::chrono::minutes(5);         // without a request
  std::chrono::milliseconds write_limit = std::chrono::minutes(1);  // for a client that does not read
};

class ControlServer {
 public:
  // Binds and listens. The socket's name is removed by the destructor.
  static Result<std::unique_ptr<ControlServer>> start(EventLoop& loop, ControlServerOptions options,
                                                      ControlHandler& handler);
  virtual ~ControlServer() = default;
  virtual std::size_t connections() const = 0;
  // Takes no more clients and requests. `done` is called once on the loop's thread: when every request under
  // way has its answer, or after `limit`. Once only.
  virtual void drain(std::chrono::milliseconds limit, std::function<void()> done) = 0;
};

}  // namespace cove
