// COVE_CHECK(condition): a programmer's error aborts with its place, in every build.
#pragma once

namespace cove {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define COVE_CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::cove::check_failed(#condition, __FILE__, __LINE__))
