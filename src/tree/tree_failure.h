// TreeFailure, the item of a copy that says what could not be read, and the Error it was made from. Pure.
#pragma once

#include "base/error.h"

namespace cove::agent::v1 {
class TreeFailure;
}

namespace cove {

void fill_failure(agent::v1::TreeFailure& message, const Error& error);
// kUnknown for a code that is none.
Error error_of(const agent::v1::TreeFailure& message);

}  // namespace cove
