// make_proxy(): a fallback handler that passes calls on to other channels without looking into their
// messages, for the relay between the CLI and a guest agent. Any thread; what it captures must outlive the
// server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "rpc/channel.h"
#include "rpc/server.h"

namespace cove::rpc {

struct ProxyOptions {
  // Calls must carry "authorization: Bearer <token>", compared in constant time; else kUnauthenticated. Never
  // empty: an empty token refuses every call.
  std::string token;
  // The channel for a path ("/package.Service/Method"); may connect, and is called from handlers' threads.
  std::function<Result<std::shared_ptr<Channel>>(const OpContext& ctx, std::string_view path)> upstream;
};

// Messages go both ways as they come, half-close, status, deadline and cancellation too; at most the two
// connections' flow-control windows are held per call. Metadata passes except "authorization".
StreamHandler make_proxy(ProxyOptions options);

}  // namespace cove::rpc
