# cmake -DOUTPUT=version.cpp -DSOURCE=DIR -DNUMBER=0.1.0 -P version.cmake
# Run at every build; the file is rewritten, and so compiled, only when the commit has changed.
execute_process(COMMAND git -C ${SOURCE} log -1 --format=%h:%cs --abbrev=8
  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
set(commit unknown)
set(date unknown)
if(NOT failed AND described MATCHES "^([0-9a-f]+):([0-9-]+)$")
  set(commit ${CMAKE_MATCH_1})
  set(date ${CMAKE_MATCH_2})
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "cli/version.h"

namespace cove {
std::string_view version_number() { return "@NUMBER@"; }
std::string_view version_commit() { return "@commit@"; }
std::string_view version_date() { return "@date@"; }
}  // namespace cove
]] @ONLY)
