// ControlHandler: who serves the control socket's requests: the supervisor, or a fake in tests. Called on the
// connections' threads, several at once; it may block as long as its OpContext allows.
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "control/raw_stream.h"
#include "control/verb_table.h"

namespace vz::control::v1 {
class ControlRequest;
class ControlResponse;
}  // namespace vz::control::v1

namespace cove {

using ControlRequest = vz::control::v1::ControlRequest;
using ControlResponse = vz::control::v1::ControlResponse;

// What a handler may do to its connection besides answering; valid during handle() only.
class ControlReply {
 public:
  virtual ~ControlReply() = default;
  // One more line before the last one; an error means that the client is gone or does not read.
  virtual Result<void> send(const ControlResponse& response) = 0;
  // Sends `first` and hands the connection over; handle()'s own response is dropped then.
  virtual Result<RawStream> become_stream(const ControlResponse& first) = 0;
};

class ControlHandler {
 public:
  virtual ~ControlHandler() = default;
  // The last line of the answer; an Error becomes an error line.
  virtual Result<ControlResponse> handle(const OpContext& ctx, const Verb& verb,
                                         const ControlRequest& request, ControlReply& reply) = 0;
};

}  // namespace cove
