// The service that both sides of an interoperability test agree on, on the agent's messages:
//   Ping       answers version "interop"
//   ReadFile   fails with not_found and kErrorText
//   CopyOut    sends kChunks chunks of kChunkSize bytes
//   CopyIn     wants init.mode bytes of data after init, else fails with data_loss
//   Exec       waits until the call's deadline or its cancellation
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "rpc/channel.h"
#include "rpc/server.h"

namespace cove::interop {

constexpr std::size_t kChunks = 500;
constexpr std::size_t kChunkSize = 50'000;
constexpr std::string_view kErrorText = "stat /x: 100% \xc3\xa4\n missing";

rpc::Handlers interop_handlers();
// Calls every method of a peer that implements the above; the error says what was not as agreed.
Result<void> check_peer(rpc::Channel& channel);

}  // namespace cove::interop
