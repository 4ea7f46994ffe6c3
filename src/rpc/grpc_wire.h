// The textual parts of gRPC over HTTP/2: status and its message in trailers, timeouts, metadata names. Pure
// functions over what a peer sent: any bytes may come.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"
#include "rpc/metadata.h"

namespace cove::rpc {

// grpc-timeout: at most 8 digits and a unit; rounded up to the coarser unit that fits, never to zero.
std::string format_timeout(std::chrono::nanoseconds span);
// nullopt if malformed.
std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view text);

// grpc-message: bytes outside printable ASCII, and '%', as %XX. Cut at 4 KiB so that trailers stay small.
std::string percent_encode(std::string_view text);
// Malformed escapes stay as they are.
std::string percent_decode(std::string_view text);

// grpc-status 0 is OK; unknown numbers and malformed text are kUnknown.
Result<void> status_from_wire(std::string_view grpc_status, std::string_view grpc_message);
// A reply that has no grpc-status at all, by its HTTP status.
Error error_from_http_status(std::string_view status);
// A stream reset by the peer, by its HTTP/2 error code.
Error error_from_reset(std::uint32_t http2_error);

// True for names that the library itself writes or interprets and does not hand out as metadata.
bool is_reserved_header(std::string_view name);
// kInvalidArgument for reserved names, upper case, or characters that HTTP/2 forbids.
Result<void> check_metadata(const Metadata& metadata);

}  // namespace cove::rpc
