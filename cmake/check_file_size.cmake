# cmake -DFILE=path -DLIMIT=bytes -P check_file_size.cmake: prints the size; fails, and removes the file so that the next
# build looks again, where it is over the limit.
file(SIZE ${FILE} size)
get_filename_component(name ${FILE} NAME)
if(size GREATER LIMIT)
  file(REMOVE ${FILE})
  message(FATAL_ERROR "${name} has ${size} bytes, over its limit of ${LIMIT}")
endif()
message(STATUS "${name}: ${size} bytes of at most ${LIMIT}")
