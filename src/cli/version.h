// Which cove this is; written by the build (cli/version.cmake).
#pragma once

#include <string_view>

namespace cove {

std::string_view version_number();  // "0.1.0"
std::string_view version_commit();  // 8 hex digits, "unknown" outside a checkout
std::string_view version_date();    // of the commit, "2026-04-19"

}  // namespace cove
