# Settings every target shares: language level, sanitizers by preset, tools.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

set(COVE_SANITIZE "" CACHE STRING "sanitizers for the whole build: address,undefined or thread")
option(COVE_WERROR "warnings are errors" ON)
option(COVE_FUZZ "build the libFuzzer targets (clang only)" OFF)

find_program(COVE_CCACHE ccache)
if(COVE_CCACHE)
  # By the compiler's own list of dependencies: without it a miss runs the preprocessor twice.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_DEPEND=1 ${COVE_CCACHE})
endif()
find_program(COVE_LLD ld.lld)
if(COVE_LLD AND NOT COVE_SANITIZE AND NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  add_link_options(-fuse-ld=lld)
endif()
if(COVE_SANITIZE)
  add_compile_options(-fsanitize=${COVE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${COVE_SANITIZE})
  if(COVE_SANITIZE MATCHES "undefined" AND NOT COVE_FUZZ)
    # A third of the compile time for what others find: ASan stops at a null dereference, and the fuzz tree, which
    # keeps both checks, runs every parser of outside bytes.
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
endif()
# Machine-written sources: our warnings do not apply, and -O2 doubles their compile time for nothing. The address and
# undefined-behaviour sanitizers take 20 s a file there, to look at code of a library that is not instrumented itself.
set(COVE_MACHINE_WRITTEN_OPTIONS -w -O1)
if(COVE_SANITIZE STREQUAL "thread")
  set(COVE_MACHINE_WRITTEN_OPTIONS -w -O0)
elseif(COVE_SANITIZE)
  set(COVE_MACHINE_WRITTEN_OPTIONS -w -O0 -fno-sanitize=all)
endif()
if(COVE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
