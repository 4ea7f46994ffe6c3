// What the messages' library complains about, to our log instead of to standard error, where users would read
// it. For programs: once, in main(), before there are threads.
#pragma once

namespace cove::rpc {

void route_message_log();

}  // namespace cove::rpc
