// DebianBuilder: makes the images debian:12 and debian:12-full from the package sources this host is
// configured with, by mmdebstrap, as an ordinary user or as root, without mounts or loop devices. Runs in
// cove-fetch (one thread, blocking); children are ended and the scratch folders removed on cancel or error.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "catalog/bootstrap.h"
#include "catalog/build_folder.h"
#include "catalog/image_cache.h"

namespace cove {

struct DebianBuildOptions {
  ImageRef ref;
  std::filesystem::path home;                     // COVE_HOME
  std::filesystem::path agent;                    // the static cove-agent to put in
  std::filesystem::path agent_unit;               // cove-agent.service
  std::filesystem::path initrd_program;           // the static cove-initrd: /init of the initial RAM disk
  std::filesystem::path temporary;                // where the system is put together ($TMPDIR or /tmp)
  std::vector<std::string> environment;           // "K=V" of the children: the caller's, with its proxies
  std::filesystem::path apt_config = "/etc/apt";  // where the host's package sources are read
  std::filesystem::path os_release = "/etc/os-release";
  // kIfChanged builds anew when this cove would put other files or another agent in.
  enum class Rebuild : std::uint8_t { kIfMissing, kIfChanged, kAlways };
  Rebuild rebuild = Rebuild::kIfChanged;
};

// build() returns this soon after its cancel: its children have ended, its folders are removed. Whoever ends
// a builder waits as long before it uses force.
inline constexpr std::chrono::milliseconds kBuildCancelLimit =
    EndPatience{}.asked + EndPatience{}.forced + kFolderRemovalLimit + std::chrono::seconds(10);

class DebianBuilder {
 public:
  explicit DebianBuilder(DebianBuildOptions options);
  // The image, from the cache if it is there with the same recipe. If another process builds it, waits for
  // that one and takes its result. kResourceExhausted: not enough space (checked first). kUnavailable: the
  // mirror cannot be reached; the message ends with apt's last lines. kCancelled: nothing is left behind,
  // but for what the hint names.
  Result<CachedImage> build(const OpContext& ctx, Progress& progress);

 private:
  struct Plan;
  Result<CachedImage> build_locked(const OpContext& ctx, Progress& progress, const std::string& recipe);
  Result<CachedImage> assemble(const OpContext& ctx, Progress& progress, const Plan& given);
  DebianBuildOptions options_;
};

}  // namespace cove
