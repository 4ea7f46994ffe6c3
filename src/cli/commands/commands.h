// The commands, one per file of this folder. Only cli/command_table.cpp includes this.
#pragma once

#include "cli/command.h"

namespace cove {

extern const CommandSpec kUpCommand;
extern const CommandSpec kInstallCommand;
extern const CommandSpec kRunCommand;
extern const CommandSpec kConsoleCommand;
extern const CommandSpec kPauseCommand;
extern const CommandSpec kResumeCommand;
extern const CommandSpec kSuspendCommand;
extern const CommandSpec kDiskSnapshotSaveCommand;
extern const CommandSpec kDiskSnapshotListCommand;
extern const CommandSpec kDiskSnapshotRestoreCommand;
extern const CommandSpec kDiskSnapshotDeleteCommand;
extern const CommandSpec kForkCommand;
extern const CommandSpec kCloneCommand;
extern const CommandSpec kStopCommand;
extern const CommandSpec kRestartCommand;
extern const CommandSpec kDeleteCommand;
extern const CommandSpec kSetCommand;
extern const CommandSpec kVmListCommand;
extern const CommandSpec kVmRenameCommand;
extern const CommandSpec kVmSetCommand;
extern const CommandSpec kVmDeleteCommand;
extern const CommandSpec kListCommand;
extern const CommandSpec kStatusCommand;
extern const CommandSpec kIpCommand;
extern const CommandSpec kLogsCommand;
extern const CommandSpec kWaitCommand;
extern const CommandSpec kCpCommand;
extern const CommandSpec kExecCommand;
extern const CommandSpec kShellCommand;
extern const CommandSpec kImageListCommand;
extern const CommandSpec kImageBuildCommand;
extern const CommandSpec kImageRmCommand;
extern const CommandSpec kSnapshotSaveCommand;
extern const CommandSpec kSnapshotListCommand;
extern const CommandSpec kSnapshotShowCommand;
extern const CommandSpec kSnapshotRestoreCommand;
extern const CommandSpec kSnapshotDeleteCommand;
extern const CommandSpec kStateVerifyCommand;
extern const CommandSpec kDoctorHostCommand;
extern const CommandSpec kScriptTestCommand;
extern const CommandSpec kVersionCommand;
extern const CommandSpec kHelpCommand;
extern const CommandSpec kCompletionCommand;
extern const CommandSpec kCompleteCommand;

}  // namespace cove
