// The digest of an image's content: what it is, whatever holes its file has. Blocking; reads what is not a
// hole.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"

namespace cove {

// "sha256:<hex>" over the files in this order: name, length, and each block of 64 KiB that is not all zeros
// with its number.
Result<std::string> image_digest(const OpContext& ctx, const std::filesystem::path& folder,
                                 const std::vector<std::string>& names, Progress& progress);

}  // namespace cove
