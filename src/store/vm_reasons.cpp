#include "store/vm_reasons.h"

namespace cove {

std::string next_step(const VmName& name, const Observation& seen) {
  const std::string& vm = name.str();
  switch (seen.state) {
    case MachineState::kStopped:
    case MachineState::kSuspended:
      return "start it: cove up " + vm;
    case MachineState::kCrashed:
      return "its last words: cove logs " + vm + "\nstart it again: cove up " + vm +
             " (its disk is as after a power cut)";
    case MachineState::kCreating:
      if (seen.holder) return "wait for it: cove up " + vm;
      return "finish it: cove up " + vm + "\nor remove it: cove delete " + vm;
    case MachineState::kBroken:
      switch (seen.damage) {
        case Observation::Damage::kNewer:
          return "update cove, or use the version that wrote it";
        case Observation::Damage::kConfig:
          return "repair that file; only if you cannot, give up the VM with its disk: cove delete " + vm;
        case Observation::Damage::kBeyondRepair:
          return "remove it: cove delete " + vm;
      }
      return {};
    default:
      return {};
  }
}

Error busy_error(const VmName& name, const LockNote& holder) {
  std::string text =
      "vm \"" + name.str() + "\" is busy: \"" + holder.purpose + "\" by pid " + std::to_string(holder.pid);
  if (!holder.since.empty()) text += " since " + holder.since;
  return Error(Code::kFailedPrecondition, std::move(text)).hint("wait for it to end, or stop that process");
}

Error not_running_error(const VmDirectory& vm, const Observation& seen) {
  const std::string name = "vm \"" + vm.name().str() + "\"";
  if (!vm.exists()) return Error(Code::kNotFound, "no " + name).hint("see them all: cove list");
  if (seen.holder && seen.state != MachineState::kCreating) return busy_error(vm.name(), *seen.holder);
  std::string text = name + " is not running";
  if (seen.state == MachineState::kCrashed) text += ": it crashed: " + seen.reason;
  if (seen.state == MachineState::kCreating) text = name + " is not finished: " + seen.reason;
  if (seen.state == MachineState::kBroken) text = name + " is broken: " + seen.reason;
  return Error(Code::kFailedPrecondition, std::move(text)).hint(next_step(vm.name(), seen));
}

}  // namespace cove
