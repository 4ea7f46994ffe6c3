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

// The agent that an image built now would carry, as manifests name it.
Result<std::string> own_agent_sha256(const Environment& env);
// One line for people if the image carries another one; else empty.
std::string agent_hint(const Environment& env, const ImageManifest& manifest);

}  // namespace cove
