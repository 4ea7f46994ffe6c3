// The order of `cove help`: from making a VM to using it to looking after it.
#include <array>

#include "cli/command.h"
#include "cli/commands/commands.h"

namespace cove {
namespace {

constexpr std::array kTable{
    &kUpCommand,
    &kExecCommand,
    &kShellCommand,
    &kCpCommand,
    &kListCommand,
    &kStatusCommand,
    &kIpCommand,
    &kLogsCommand,
    &kWaitCommand,
    &kInstallCommand,
    &kRunCommand,
    &kConsoleCommand,
    &kPauseCommand,
    &kResumeCommand,
    &kSuspendCommand,
    &kStopCommand,
    &kRestartCommand,
    &kForkCommand,
    &kCloneCommand,
    &kDeleteCommand,
    &kSetCommand,
    &kSnapshotSaveCommand,
    &kSnapshotListCommand,
    &kSnapshotShowCommand,
    &kSnapshotRestoreCommand,
    &kSnapshotDeleteCommand,
    &kDiskSnapshotSaveCommand,
    &kDiskSnapshotListCommand,
    &kDiskSnapshotRestoreCommand,
    &kDiskSnapshotDeleteCommand,
    &kStateVerifyCommand,
    &kVmListCommand,
    &kVmRenameCommand,
    &kVmSetCommand,
    &kVmDeleteCommand,
    &kImageListCommand,
    &kImageBuildCommand,
    &kImageRmCommand,
    &kDoctorHostCommand,
    &kScriptTestCommand,
    &kVersionCommand,
    &kHelpCommand,
    &kCompletionCommand,
    &kCompleteCommand,
};

constexpr std::array<FlagSpec, 6> kCommonFlags{{
    {"vm", FlagKind::kText, "NAME", "the VM to work on", ""},
    {"json", FlagKind::kSwitch, "", "results and errors as JSON", ""},
    {"v", FlagKind::kSwitch, "", "verbose: log what is done on standard error", ""},
    {"verbose", FlagKind::kSwitch, "", "", ""},
    {"help", FlagKind::kSwitch, "", "show this help", ""},
    {"h", FlagKind::kSwitch, "", "", ""},
}};

}  // namespace

std::span<const CommandSpec* const> command_table() { return kTable; }
std::span<const FlagSpec> common_flags() { return kCommonFlags; }

std::vector<const FlagSpec*> flags_of(const CommandSpec& command) {
  std::vector<const FlagSpec*> flags;
  for (const auto& flag : command.flags) flags.push_back(&flag);
  for (const auto& flag : kCommonFlags) flags.push_back(&flag);
  return flags;
}

}  // namespace cove
