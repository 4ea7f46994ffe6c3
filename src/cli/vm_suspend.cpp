#include "cli/vm_suspend.h"

#include <cstdio>

#include "cli/progress_line.h"
#include "cli/vm_choice.h"
#include "cli/vm_end.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr auto kSuspendEndLimit = std::chrono::seconds(20);

std::string seconds_text(std::chrono::milliseconds span) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(span.count()) / 1000);
  return text;
}

}  // namespace

Result<Suspended> suspend_vm(const OpContext& ctx, const VmDirectory& vm) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seen = vm.observe();
  if (seen.state == MachineState::kSuspended) return Suspended{.when = Suspended::When::kAlready};
  if (!seen.holder) return not_running_error(vm, seen);
  if (!seen.has_supervisor()) return busy_error(vm.name(), *seen.holder);
  Suspended suspended;
  suspended.saved = COVE_TRY(ask_suspend(ctx, vm).context("suspending vm \"" + vm.name().str() + "\""));
  COVE_TRY(wait_released(ctx.with_timeout(kSuspendEndLimit), vm)
               .context("waiting for the supervisor of vm \"" + vm.name().str() + "\" to end"));
  suspended.took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  return suspended;
}

Deed suspend_deed(const VmDirectory& vm, const Suspended& suspended) {
  const auto& name = vm.name().str();
  Deed deed{.vm = name, .done = "suspended", .state = std::string(to_string(vm.observe().state))};
  if (suspended.when == Suspended::When::kAlready) {
    deed.done = "nothing";
    deed.text = name + ": was suspended already";
    return deed;
  }
  deed.text = name + ": suspended in " + seconds_text(suspended.took);
  deed.details.set("took_ms", static_cast<std::uint64_t>(suspended.took.count()));
  deed.details.set("changed_bytes", suspended.saved.changed_bytes);
  return deed;
}

Result<int> suspend_vms(Invocation& inv) {
  const bool all = inv.flags.is_set("all");
  std::optional<Error> failure;
  for (const auto& vm : COVE_TRY(choose_vms(inv))) {
    if (all && !vm.observe().has_supervisor()) continue;
    auto progress = make_progress(inv.env.err);
    progress->step("suspending " + vm.name().str());
    auto suspended = suspend_vm(inv.context(), vm);
    progress.reset();
    if (suspended.ok()) {
      inv.tell(suspend_deed(vm, *suspended));
      continue;
    }
    if (suspended.error().code() == Code::kCancelled) return std::move(suspended).error();
    if (failure) inv.out.note("cove: " + printable(suspended.error().message()));
    if (!failure) failure = std::move(suspended).error();
  }
  if (failure) return std::move(*failure);
  return 0;
}

}  // namespace cove
