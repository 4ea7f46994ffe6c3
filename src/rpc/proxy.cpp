#include "rpc/proxy.h"

#include "base/strings.h"
#include "base/thread.h"

namespace cove::rpc {
namespace {

bool authorized(const ServerStream& call, const std::string& token) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = find_metadata(call.metadata(), "authorization");
  if (token.empty() || !given.starts_with(kScheme)) return false;
  return constant_time_equal(given.substr(kScheme.size()), token);
}

Metadata passed_on(const Metadata& metadata) {
  Metadata out;
  for (const auto& field : metadata)
    if (field.first != "authorization") out.push_back(field);
  return out;
}

// Requests to the upstream until the client's last one. When the client gives up, ctx has fired and with it
// the upstream call; when the upstream call ends, write() fails: both ways there is nobody left to tell.
void pump_requests(const OpContext& ctx, ServerStream& from, ClientStream& to) {
  for (;;) {
    auto message = from.read_raw(ctx);
    if (!message.ok()) return to.cancel();
    if (!message->has_value()) return to.close_send();
    if (!to.write_raw(ctx, **std::move(message)).ok()) return;
  }
}

Result<void> pump_replies(const OpContext& ctx, ClientStream& from, ServerStream& to) {
  for (;;) {
    auto message = COVE_TRY(from.read_raw(ctx));
    if (!message) return {};
    COVE_TRY(to.write_raw(ctx, *std::move(message)));
  }
}

// A client usually sends its only request and the end together: then no second thread is needed. False: there
// is or may be more to pass on.
Result<bool> forward_only_request(const OpContext& ctx, ServerStream& call, ClientStream& upstream) {
  if (!call.complete()) return false;
  if (auto only = COVE_TRY(call.read_raw(ctx))) COVE_TRY(upstream.write_raw(ctx, *std::move(only)));
  if (!call.at_end()) return false;
  upstream.close_send();
  return true;
}

}  // namespace

StreamHandler make_proxy(ProxyOptions options) {
  return [options = std::move(options)](const OpContext& ctx, ServerStream& call) -> Result<void> {
    if (!authorized(call, options.token)) return Error(Code::kUnauthenticated, "a bearer token is required");
    const auto channel = COVE_TRY(options.upstream(ctx, call.path()));
    const auto upstream = COVE_TRY(channel->open(ctx, call.path(), passed_on(call.metadata())));
    if (COVE_TRY(forward_only_request(ctx, call, *upstream))) return pump_replies(ctx, *upstream, call);
    Thread requests("rpc-proxy", [&] { pump_requests(ctx, call, *upstream); });
    auto status = pump_replies(ctx, *upstream, call);
    call.stop_reading();
    return status;
  };
}

}  // namespace cove::rpc
