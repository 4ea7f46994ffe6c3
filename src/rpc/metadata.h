// Metadata: the custom headers of a gRPC call, in order. A plain value.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cove::rpc {

// Names are lower-case ASCII; reserved names (those with a leading ':', "grpc-*", "content-type", "te",
// "user-agent", ...) are added by the library itself and refused in what callers pass.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The first value under that name, empty if there is none.
inline std::string_view find_metadata(const Metadata& metadata, std::string_view name) {
  for (const auto& [key, value] : metadata)
    if (key == name) return value;
  return {};
}

}  // namespace cove::rpc
