// Connection: a Session on its descriptor. run() reads and dispatches on one thread; the other members may be
// called by any thread, which then writes to the descriptor itself as far as that does not block (one thread
// switch less per message). Kept alive by its streams; the descriptor is closed when run() returns.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/unique_fd.h"
#include "rpc/session.h"

namespace cove::rpc {

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  struct Options {
    Role role = Role::kServer;
    Limits limits;
    // Server: called on run()'s thread with the lock held; must not call back. False refuses the call.
    std::function<bool(std::shared_ptr<Stream>)> on_call;
    OpContext base;  // server: what limits every call
  };
  static Result<std::shared_ptr<Connection>> create(UniqueFd fd, Options options);

  // Until the peer closes (OK), the connection breaks, stop() or the end of ctx (an error). All streams have
  // ended by then.
  Result<void> run(const OpContext& ctx);
  void stop(const Error& why);
  bool usable() const;

  struct Opening {
    Stream::Call call;
    Metadata headers;
    std::optional<std::string> only_message;  // unary: sent with the headers, and then the end
  };
  Result<std::shared_ptr<Stream>> open(Opening opening);
  void send(Stream& stream, std::string message);
  void close_send(Stream& stream);
  // Sends stream.last, if OK, and the status.
  void finish(Stream& stream, const Result<void>& status);
  void reset(Stream& stream, const Error& why);
  void credit(Stream& stream, std::size_t bytes);

 private:
  struct State {
    std::unique_ptr<Session> session;
    UniqueFd fd;
    UniqueFd poll;  // epoll of the descriptor, `wake` and the cancel tokens of open calls
    UniqueFd wake;
    bool write_armed = false;
    bool write_broken = false;  // nothing can be sent; what the peer sent before is still read
    std::optional<Error> dead;
    std::map<int, std::vector<Stream*>> watched;  // cancel descriptor -> calls
  };
  class Passkey {};

 public:
  explicit Connection(Passkey) {}

 private:
  Result<void> start(UniqueFd fd, Options options);
  Result<void> loop(const OpContext& ctx);
  Result<void> on_readable();
  Result<void> on_cancelled(int fd);
  void flush(State& state);
  void on_write_broken(State& state, int error_number);
  void arm(State& state, bool write);
  void die(State& state, const Error& why);
  void watch(State& state, Stream& stream);
  void unwatch(State& state, Stream& stream);

  std::string buffer_;  // run()'s thread
  int fd_ = -1, poll_ = -1, wake_ = -1;
  Guarded<State> state_;
};

}  // namespace cove::rpc
