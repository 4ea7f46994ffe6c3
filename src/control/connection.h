// Connection: one client of the control socket, served on a thread of its own until it leaves, misbehaves, or
// the server ends. Owned by the server; made and destroyed on the loop's thread.
#pragma once

#include <functional>
#include <memory>

#include "base/thread.h"
#include "control/control_server.h"
#include "control/line_reader.h"
#include "control/request_line.h"

namespace cove {

class Connection final : private ControlReply {
 public:
  // `on_end` is called on the connection's thread, as its last act.
  Connection(UniqueFd fd, const ControlServerOptions& options, ControlHandler& handler,
             std::function<void()> on_end);
  ~Connection() override;  // cancels and joins
  Connection(const Connection&) = delete;

  // Tells the thread to end once it has answered what it is serving, without waiting for it.
  void finish() { finishing_.cancel(); }
  // Tells the thread to end now; what it serves is cancelled.
  void close();
  // The client is gone: work that only it wanted ends.
  void hang_up() { gone_.cancel(); }

 private:
  enum class Next : std::uint8_t { kGoOn, kClose };

  void run();
  Next serve(const std::string& line);
  Next refuse(const Error& error);
  ControlResponse answer(const ServedRequest& served);
  OpContext context_of(const Verb& verb) const;
  Result<void> write_line(const std::string& line);
  Result<void> send(const ControlResponse& response) override;
  Result<RawStream> become_stream(const ControlResponse& first) override;

  UniqueFd fd_;
  const ControlServerOptions& options_;
  ControlHandler& handler_;
  LineReader reader_;
  CancelSource gone_;       // client or server ends
  CancelSource closing_;    // server ends
  CancelSource finishing_;  // no further request is taken
  Dialect dialect_ = Dialect::kOriginal;
  int refusals_ = 0;
  bool handed_over_ = false;
  Thread thread_;  // last: it uses the rest
};

}  // namespace cove
