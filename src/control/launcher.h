// launcher: starts the supervisor (cove-vm) of one VM as a process of its own session, without any descriptor
// of the caller, and waits until it says that the VM runs. The only way a VM is started. Any thread;
// blocking.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/process.h"
#include "base/progress.h"
#include "base/result.h"
#include "model/vm_config.h"

namespace cove {

struct LaunchRequest {
  std::filesystem::path program;   // .../libexec/cove/cove-vm
  std::filesystem::path home;      // COVE_HOME
  std::string vm;                  // checked name of an existing VM
  std::filesystem::path log_file;  // the VM's supervisor.log: the child's standard output and error
  // Forwards for this run only, on top of the VM's own.
  std::vector<PortForward> forwards;
  // kAttached: the VM is asked to stop when the caller dies or closes LaunchedVm::lifetime.
  enum class Mode : std::uint8_t { kDetached, kAttached };
  Mode mode = Mode::kDetached;
  // kCold: a suspended VM boots, and its state is kept as a snapshot.
  enum class Beginning : std::uint8_t { kAsItWas, kCold };
  Beginning beginning = Beginning::kAsItWas;
};

struct LaunchedVm {
  Process process;    // kDetached: given up already; destroying it does nothing
  UniqueFd lifetime;  // kAttached only: close it to ask the VM to stop
  pid_t pid = -1;
};

// Returns when the guest's CPUs run and the control socket answers. Steps are passed on to `progress`. An
// error is the supervisor's own (code, text, hint); if it died wordless, its last log lines are the text. On
// cancel or deadline the supervisor is told to stop, and waited for.
Result<LaunchedVm> launch_vm(const OpContext& ctx, const LaunchRequest& request, Progress& progress);

}  // namespace cove
