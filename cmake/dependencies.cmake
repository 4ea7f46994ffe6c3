# Third-party libraries, as imported targets named cove_dep::NAME. docs/dependencies.md gives each one's reason.
# Static archives where Debian has them: `cove` starts in a few milliseconds because it loads few shared objects.
find_package(Threads REQUIRED)

# cove_static_dependency(TARGET ARCHIVE...): imported interface target over static archives.
function(cove_static_dependency target)
  add_library(cove_dep::${target} INTERFACE IMPORTED)
  foreach(archive IN LISTS ARGN)
    find_library(COVE_ARCHIVE_${archive} lib${archive}.a REQUIRED)
    target_link_libraries(cove_dep::${target} INTERFACE ${COVE_ARCHIVE_${archive}})
  endforeach()
  target_link_libraries(cove_dep::${target} INTERFACE Threads::Threads)
endfunction()

cove_static_dependency(protobuf protobuf)
cove_static_dependency(protobuf_lite protobuf-lite)
cove_static_dependency(nghttp2 nghttp2)
cove_static_dependency(re2 re2)
if(COVE_SANITIZE)
  # The sanitizers' crypt_r stands before the shared library's and cannot find an archive's.
  add_library(cove_dep::crypt INTERFACE IMPORTED)
  target_link_libraries(cove_dep::crypt INTERFACE crypt)
else()
  cove_static_dependency(crypt crypt)
endif()
# Debian has libslirp only as a shared object; the supervisor alone loads it.
find_library(COVE_SLIRP_LIBRARY slirp REQUIRED)
find_path(COVE_SLIRP_INCLUDE slirp/libslirp.h REQUIRED)
add_library(cove_dep::slirp INTERFACE IMPORTED)
target_link_libraries(cove_dep::slirp INTERFACE ${COVE_SLIRP_LIBRARY})
find_program(COVE_PROTOC protoc REQUIRED)
if(BUILD_TESTING)
  find_package(GTest REQUIRED)
  cove_static_dependency(rapidcheck rapidcheck)
endif()
