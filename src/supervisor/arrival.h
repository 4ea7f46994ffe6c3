// Arrival: how the guest of a machine that is being wired came to be there. A value.
#pragma once

#include <cstdint>

namespace cove {

enum class Arrival : std::uint8_t {
  kBooted,    // it starts from nothing
  kReturned,  // from a state of its own
  kForked,    // from a state of another VM, whose identity it still has
};

}  // namespace cove
