// DebianBuilder: makes the images debian:12 and debian:12-full from the package sources this host is
// configured with, by mmdebstrap, as an ordinary user or as root, without mounts or loop devices. Runs in
// cove-fetch (one thread, blocking); children are killed and the scratch folder removed on cancel or error.
#pragma once

#include <filesystem>

#include "base/progress.h"
#include "catalog/image_cache.h"

namespace cove {

struct DebianBuildOptions {
  ImageRef ref;
  std::filesystem::path home;                     // COVE_HOME
  std::filesystem::path agent;                    // the static cove-agent to put in
  std::filesystem::path agent_unit;               // cove-agent.service
  std::filesystem::path initrd_program;           // the static cove-initrd: /init of the initial RAM disk
  std::filesystem::path apt_config = "/etc/apt";  // where the host's package sources are read
  enum class Rebuild : std::uint8_t { kIfMissing, kAlways };
  Rebuild rebuild = Rebuild::kIfMissing;
};

class DebianBuilder {
 public:
  explicit DebianBuilder(DebianBuildOptions options);
  // The image, from the cache if it is there with the same recipe. If another process builds it, waits for
  // that one and takes its result. kResourceExhausted: not enough space (checked first). kUnavailable: the
  // mirror cannot be reached; the message ends with apt's last lines. kCancelled: nothing is left behind.
  Result<CachedImage> build(const OpContext& ctx, Progress& progress);

 private:
  DebianBuildOptions options_;
};

}  // namespace cove
