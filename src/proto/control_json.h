// ProtoJSON of the control socket: one request or response per line. Pure functions, any thread. Lines come
// from other processes; the caller bounds their length before calling.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "proto/control.pb.h"

namespace cove::proto {

// One request line without its newline. snake_case and lowerCamel names; members that the schema does not
// know are ignored at every level, so that older servers take newer clients. kInvalidArgument says what is
// wrong with the text (a wrong type for a known member, a member twice or under both its names at any level,
// two members of one oneof).
Result<vz::control::v1::ControlRequest> decode_request(std::string_view line);
// One response line; the same rules, for clients.
Result<vz::control::v1::ControlResponse> decode_response(std::string_view line);

// One line without its newline: snake_case names, members at their default left out, 64-bit numbers as
// strings, bytes in base64. Text that is not UTF-8 is kInternal.
Result<std::string> encode_request(const vz::control::v1::ControlRequest& request);
Result<std::string> encode_response(const vz::control::v1::ControlResponse& response);

// The members of one message nested in `data` (network_info, memory_info), by the same rules.
Result<std::string> encode_message(const google::protobuf::Message& message);

}  // namespace cove::proto
