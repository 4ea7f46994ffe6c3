// The three ways texts are quoted in messages and arguments. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

// "text" with Go's escapes for quotes, controls, unprintable characters and bytes that are no UTF-8.
std::string quote_double(std::string_view text);
// `text`, or quote_double where backquotes cannot hold it.
std::string quote_back(std::string_view text);
// Arguments joined by one blank, each in single quotes if a script needs them there.
std::string quote_arguments(std::span<const std::string> arguments);
// The inverse of quote_double without its outer quotes: \a \b \f \n \r \t \v \\ \" \ooo \xhh \uhhhh
// \Uhhhhhhhh. kInvalidArgument `invalid syntax` for any other escape, a bare quote or a LF.
Result<std::string> unescape(std::string_view text);

}  // namespace cove
