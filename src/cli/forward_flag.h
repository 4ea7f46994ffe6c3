// The value of -forward. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/vm_config.h"

namespace cove {

// "8080:80", "127.0.0.1:8080:80", "80" (any free host port). Loopback addresses only: kInvalidArgument
// otherwise.
Result<PortForward> parse_forward_flag(std::string_view text);

}  // namespace cove
