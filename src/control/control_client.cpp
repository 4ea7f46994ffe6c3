#include "control/control_client.h"

#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/supervisor_dial.h"
#include "proto/control_json.h"

namespace cove {
namespace {

// Screens and files travel in one line; more than this is no answer of ours.
constexpr std::size_t kMaxResponseBytes = std::size_t{256} << 20U;

}  // namespace

ControlClient::ControlClient(UniqueFd fd, std::string token)
    : fd_(std::move(fd)), reader_(kMaxResponseBytes), token_(std::move(token)) {}

Result<ControlClient> ControlClient::connect(const OpContext& ctx, const VmDirectory& vm) {
  auto fd = COVE_TRY(dial_supervisor(ctx, vm, vm.control_socket()));
  auto token = COVE_TRY(read_file(vm.token_path(), 4096));
  return ControlClient(std::move(fd), std::string(trim(token)));
}

Result<std::string> ControlClient::exchange_line(const OpContext& ctx, std::string_view line) {
  COVE_TRY(write_all(ctx, fd_.get(), std::string(line) + "\n").context("sending request"));
  auto answer = COVE_TRY(reader_.next(ctx, fd_.get()).context("reading response"));
  if (!answer) return Error(Code::kUnavailable, "the supervisor closed the connection without an answer");
  return std::move(*answer);
}

Result<ControlResponse> ControlClient::call_any(const OpContext& ctx, const ControlRequest& request) {
  ControlRequest complete = request;
  log_debug("asking the supervisor", {{"request", request.type()}});
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
