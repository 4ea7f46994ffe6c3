// Variable expansion, byte by byte: $NAME, ${any name}, $ and one of * # $ @ ! ? - or a digit. Pure.
#pragma once

#include <string>
#include <string_view>

#include "script/environment.h"

namespace cove {

// Appends `text` with its variables replaced; results are not expanded again. With kPattern the values (not
// the text around them) are quoted for a regular expression.
enum class ScriptExpansion : unsigned char { kPlain, kPattern };
void append_expanded(std::string& result, std::string_view text, const ScriptEnvironment& environment,
                     ScriptExpansion expansion);

}  // namespace cove
