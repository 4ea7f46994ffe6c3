// One run of mmdebstrap: started, watched, told as progress, ended cleanly. Blocking; one thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"

namespace cove {

// How long mmdebstrap may take to end.
struct EndPatience {
  std::chrono::milliseconds asked = std::chrono::seconds(20);  // after SIGTERM: dpkg finishes its step first
  std::chrono::milliseconds forced = std::chrono::seconds(5);  // after SIGKILL
};

struct BootstrapJob {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::filesystem::path temporary;  // its TMPDIR: watched for downloaded packages
  int disk_fd = -1;                 // becomes descriptor kDiskDescriptor of the hooks
  int lock_fd = -1;                 // of `temporary`, held until its last process ends; -1: none
  EndPatience patience{};
};
inline constexpr int kLockDescriptor = 8;
inline constexpr int kDiskDescriptor = 9;

// The user's name for what mmdebstrap says it does now; empty for lines that are no phase.
std::string_view bootstrap_phase(std::string_view line);
// What went wrong, from the last lines of its output: kUnavailable if the mirror could not be reached,
// kPermissionDenied if this user may not make namespaces, else kInternal.
Error bootstrap_failure(std::string_view how_it_ended, const std::vector<std::string>& lines);

// On cancel mmdebstrap gets SIGTERM and time to take its mounts and files away, then SIGKILL.
Result<void> run_bootstrap(const OpContext& ctx, const BootstrapJob& job, Progress& progress);

}  // namespace cove
