// Names of the objects in COVE_HOME/store (disk nodes, layers of memory, states) and of machines: 32 random
// lower-case hex digits. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace cove {

// 128 random bits: nobody else has it.
std::string new_object_id();
// Exactly 32 lower-case hex digits: it may be joined to a path.
bool is_object_id(std::string_view text);

}  // namespace cove
