// request_line: from one line of the control socket to a request that may be served, and from a response to
// its line. Pure functions, any thread; the line comes from another process and its length is bounded by the
// caller.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "control/verb_table.h"
#include "proto/control.pb.h"

namespace cove {

struct ServedRequest {
  const Verb* verb = nullptr;
  vz::control::v1::ControlRequest request;
};

// Checks the token first, then fills in what older clients write flat, decodes, and finds the verb.
// kUnauthenticated "unauthorized"; kInvalidArgument "invalid JSON: ...", "missing x command payload";
// kUnimplemented for an unknown verb. An empty `token` lets nobody in.
Result<ServedRequest> read_request(std::string_view line, std::string_view token);

// Whether the line carries our api_version, as far as it can be read: for answers to refused requests.
enum class Dialect : unsigned char { kOriginal, kCove };
Dialect dialect_of(const vz::control::v1::ControlRequest& request);

// Without newline. Members from 100 on are left out for kOriginal. Never fails: text that is not UTF-8 is
// mended, and what still cannot be encoded becomes an error line.
std::string response_line(vz::control::v1::ControlResponse response, Dialect dialect);
vz::control::v1::ControlResponse error_response(const Error& error);

}  // namespace cove
