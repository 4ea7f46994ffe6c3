// utf8: text from guests and other programs made fit for JSON. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace cove {

bool is_utf8(std::string_view text);
// The same text with every byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string mend_utf8(std::string_view text);

}  // namespace cove
