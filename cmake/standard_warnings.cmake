# cove_warnings: an interface target with the warnings the project holds itself to.
add_library(cove_warnings INTERFACE)
target_compile_options(cove_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wextra-semi $<$<BOOL:${COVE_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wrestrict: false alarms on std::string in g++ 12 (GCC bug 105651). -Wtsan: Asio's fences, which TSan cannot see.
  target_compile_options(cove_warnings INTERFACE -Wno-psabi -Wno-restrict -Wno-tsan)
  if(COVE_SANITIZE)
    # The sanitizers' own code hides from g++ that a variant's other member is not read; the plain builds still warn.
    target_compile_options(cove_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
else()
  target_compile_options(cove_warnings INTERFACE -Wno-gnu-statement-expression -Wthread-safety)
endif()
