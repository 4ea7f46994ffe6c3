// An image from the cache, built first if it is missing: by libexec's cove-fetch, whose progress is passed
// on.
#pragma once

#include "base/files.h"
#include "base/progress.h"
#include "catalog/image_cache.h"
#include "cli/environment.h"

namespace cove {

// With the fake backend a small made-up image stands in for the real one.
Result<CachedImage> supply_image(const OpContext& ctx, const Environment& env, const ImageRef& ref,
                                 Progress& progress);

enum class Rebuild : unsigned char { kIfMissing, kAlways };
Result<CachedImage> build_image(const OpContext& ctx, const Environment& env, const ImageRef& ref,
                                Rebuild rebuild, Progress& progress);

}  // namespace cove
