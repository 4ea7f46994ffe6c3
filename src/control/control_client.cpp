#include "control/control_client.h"

#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"
#include "base/unix_socket.h"
#include "proto/control_json.h"
#include "store/vm_directory.h"

namespace cove {
namespace {

// Screens and files travel in one line; more than this is no answer of ours.
constexpr std::size_t kMaxResponseBytes = std::size_t{256} << 20U;

Error dial_error(Error error, const ControlEndpoint& endpoint) {
  const std::string& name = endpoint.vm_name;
  const std::string run = name.empty() ? "cove run" : "cove -vm " + name + " run";
  switch (error.error_number()) {
    case ENOENT:
      return Error(Code::kFailedPrecondition, "vm is not running: " + (name.empty() ? "no socket" : name))
          .hint("start it with: " + run);
    case ECONNREFUSED:
      return Error(Code::kUnavailable, "vm '" + name + "' does not answer: it may still be booting")
          .hint("if exited: restart with: " + run);
    default:
      break;
  }
  if (error.code() == Code::kDeadlineExceeded) {
    return Error(Code::kDeadlineExceeded, "vm '" + name + "' is not ready: it may still be booting")
        .hint("look at: cove logs " + name);
  }
  return std::move(error).context("connect to control socket");
}

}  // namespace

ControlEndpoint endpoint_of(const VmDirectory& directory) {
  return {directory.control_socket(), directory.token_path(), directory.name().str()};
}

ControlClient::ControlClient(UniqueFd fd, std::string token)
    : fd_(std::move(fd)), reader_(kMaxResponseBytes), token_(std::move(token)) {}

Result<ControlClient> ControlClient::connect(const OpContext& ctx, const ControlEndpoint& endpoint) {
  auto fd = connect_unix(ctx, endpoint.socket);
  if (!fd.ok()) return dial_error(std::move(fd).error(), endpoint);
  auto token = COVE_TRY(read_file(endpoint.token_file, 4096));
  return ControlClient(std::move(fd).value(), std::string(trim(token)));
}

Result<std::string> ControlClient::exchange_line(const OpContext& ctx, std::string_view line) {
  COVE_TRY(write_all(ctx, fd_.get(), std::string(line) + "\n").context("sending request"));
  auto answer = COVE_TRY(reader_.next(ctx, fd_.get()).context("reading response"));
  if (!answer) return Error(Code::kUnavailable, "the supervisor closed the connection without an answer");
  return std::move(*answer);
}

Result<ControlResponse> ControlClient::call_any(const OpContext& ctx, const ControlRequest& request) {
  ControlRequest complete = request;
  complete.set_auth_token(token_);
  complete.set_api_version(1);
  const auto line = COVE_TRY(exchange_line(ctx, COVE_TRY(proto::encode_request(complete))));
  return proto::decode_response(line).context("reading response");
}

Result<ControlResponse> ControlClient::call(const OpContext& ctx, const ControlRequest& request) {
  auto response = COVE_TRY(call_any(ctx, request));
  if (!response.error().empty()) return error_of(response);
  return response;
}

Result<ControlResponse> ControlClient::next(const OpContext& ctx) {
  const auto line = COVE_TRY(reader_.next(ctx, fd_.get()).context("reading response"));
  if (!line) return Error(Code::kUnavailable, "the supervisor closed the connection");
  auto response = COVE_TRY(proto::decode_response(*line).context("reading response"));
  if (!response.error().empty()) return error_of(response);
  return response;
}

RawStream ControlClient::into_stream() && { return {std::move(fd_), reader_.take_rest()}; }

}  // namespace cove
