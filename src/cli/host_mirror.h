// The Debian mirrors this host is configured with, for showing them. Reads files only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cove {

// From sources.list and sources.list.d/*.{list,sources} below `apt`; without duplicates; credentials in a URL
// are replaced by "***".
std::vector<std::string> configured_mirrors(const std::filesystem::path& apt);

}  // namespace cove
