#include "tree/tree_failure.h"

#include "proto/cove_agent.pb.h"

namespace cove {

void fill_failure(agent::v1::TreeFailure& message, const Error& error) {
  message.set_message(error.message());
  message.set_code(static_cast<std::uint32_t>(error.code()));
}

Error error_of(const agent::v1::TreeFailure& message) {
  constexpr auto kFirst = static_cast<std::uint32_t>(Code::kCancelled);
  constexpr auto kLast = static_cast<std::uint32_t>(Code::kUnauthenticated);
  const bool known = message.code() >= kFirst && message.code() <= kLast;
  return Error(known ? static_cast<Code>(message.code()) : Code::kUnknown, message.message());
}

}  // namespace cove
