// Standard streams. A program that is started with descriptor 0, 1 or 2 closed (`cove list >&-`, some service
// managers) would get them as its first sockets, and read or print into those.
#pragma once

namespace cove {

// Opens /dev/null for each of 0, 1, 2 that is closed. First thing in main(), before any thread or descriptor.
void open_standard_streams();

}  // namespace cove
