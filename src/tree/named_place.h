// Where a copy goes whose destination is a name rather than a folder. Links in the destination are followed,
// as by cp(1): the user named them. Any thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

struct NamedPlace {
  UniqueFd folder;  // that holds the name
  std::string name;
  std::filesystem::path special;  // set instead of both: a device or a pipe, to be written into
};

// `destination` is no folder and has no slash at its end. kNotFound: its folder, or that of a link's target,
// is missing; kFailedPrecondition: it is a socket.
Result<NamedPlace> find_named_place(const std::filesystem::path& destination);
// Opens the device or pipe; kFailedPrecondition: nobody reads the pipe.
Result<UniqueFd> open_special(const std::filesystem::path& path);

}  // namespace cove
