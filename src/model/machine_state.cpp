#include "model/machine_state.h"

#include <array>
#include <cstddef>

namespace cove {
namespace {
constexpr std::array<std::string_view, 9> kNames = {"creating", "stopped",   "starting", "running", "paused",
                                                    "saving",   "suspended", "crashed",  "broken"};
}

std::string_view to_string(MachineState state) { return kNames.at(static_cast<std::size_t>(state)); }

std::optional<MachineState> machine_state_from(std::string_view text) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames.at(i) == text) return static_cast<MachineState>(i);
  }
  return std::nullopt;
}

}  // namespace cove
