// ControlClient: one connection to the supervisor of a running VM: requests out, responses back, one JSON
// line each (proto/control.proto). Owned by one thread at a time; blocking; every call obeys its OpContext.
#pragma once

#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "control/line_reader.h"
#include "control/raw_stream.h"
#include "store/vm_directory.h"

namespace vz::control::v1 {
class ControlRequest;
class ControlResponse;
}  // namespace vz::control::v1

namespace cove {

using ControlRequest = vz::control::v1::ControlRequest;
using ControlResponse = vz::control::v1::ControlResponse;

class ControlClient {
 public:
  // Errors as in supervisor_dial.h.
  static Result<ControlClient> connect(const OpContext& ctx, const VmDirectory& vm);

  // Sends the request with the token and our api_version, waits for its response. A response that says
  // failure is returned as an Error with the server's code, text and hint, except with call_any.
  Result<ControlResponse> call(const OpContext& ctx, const ControlRequest& request);
  Result<ControlResponse> call_any(const OpContext& ctx, const ControlRequest& request);
  // Further responses of a streaming verb (agent-exec-stream); call() has returned the first.
  Result<ControlResponse> next(const OpContext& ctx);
  // After call() of console-attach: the connection as a byte stream. The client is spent.
  RawStream into_stream() &&;

  // One line as it is, without newline, both ways; for tools that speak the protocol themselves.
  Result<std::string> exchange_line(const OpContext& ctx, std::string_view line);
  const std::string& token() const { return token_; }

 private:
  ControlClient(UniqueFd fd, std::string token);
  UniqueFd fd_;
  LineReader reader_;
  std::string token_;
};

// The Error in a response that says failure.
Error error_of(const ControlResponse& response);

}  // namespace cove
