#include "cli/vm_end.h"

#include "base/clock.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

// From closing its sockets to giving up its lock a supervisor has little left to do.
constexpr auto kLastSteps = std::chrono::seconds(3);
// Who stops a VM to delete it comes from the one to the other in less.
constexpr auto kStopToDelete = std::chrono::milliseconds(300);

bool gone_soon(const OpContext& ctx, const VmDirectory& vm) {
  SystemClock clock;
  while (vm.exists()) {
    if (!clock.sleep(ctx, std::chrono::milliseconds(5)).ok()) return false;
  }
  return true;
}

}  // namespace

Result<void> wait_released(const OpContext& ctx, const VmDirectory& vm) {
  SystemClock clock;
  while (COVE_TRY(FileLock::holder(vm.run_lock()))) COVE_TRY(clock.sleep(ctx, std::chrono::milliseconds(5)));
  return {};
}

Error explain_end(const OpContext& ctx, const VmDirectory& vm, Error error) {
  if (error.code() != Code::kUnavailable && error.code() != Code::kAborted) return error;
  if (!wait_released(ctx.with_timeout(kLastSteps), vm).ok()) return error;
  const std::string name = "vm \"" + vm.name().str() + "\"";
  const Observation seen = vm.observe();
  if (seen.state != MachineState::kCrashed && gone_soon(ctx.with_timeout(kStopToDelete), vm))
    return Error(Code::kAborted, name + " was deleted");
  if (seen.state == MachineState::kCrashed) {
    return Error(Code::kAborted, name + " crashed: " + seen.reason).hint(next_step(vm.name(), seen));
  }
  if (seen.state == MachineState::kStopped) {
    return Error(Code::kAborted, name + " has stopped").hint(next_step(vm.name(), seen));
  }
  return error;
}

}  // namespace cove
