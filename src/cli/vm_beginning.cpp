#include "cli/vm_beginning.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/saved_machine.h"
#include "state/state_store.h"

namespace cove {

VmBeginning look_at_beginning(const VmDirectory& vm, LaunchRequest::Beginning wish) {
  using How = VmBeginning::How;
  const auto record = vm.load_suspend();
  if (!record.ok() || !record->has_value()) return {};
  VmBeginning beginning{.how = How::kGoesOn, .state = (*record)->state};
  if (wish == LaunchRequest::Beginning::kCold) {
    beginning.how = How::kBootsCold;
    return beginning;
  }
  // What cannot be read is told by the start, which reads it too.
  const auto state = StateStore(vm.home().root()).load(beginning.state);
  const auto config = vm.load_config();
  if (state.ok() && config.ok()) beginning.differences = saved_machine_differences(*state, *config);
  return beginning;
}

LaunchRequest::Beginning beginning_wish(const Invocation& inv) {
  const bool cold = inv.flags.is_set("no-resume") || inv.flags.is_set("cold-boot");
  return cold ? LaunchRequest::Beginning::kCold : LaunchRequest::Beginning::kAsItWas;
}

void note_differences(Invocation& inv, const VmDirectory& vm, const VmBeginning& beginning) {
  if (beginning.differences.empty()) return;
  const auto& name = vm.name().str();
  inv.out.note(saved_machine_text(name, beginning.differences) +
               ". To use the configuration: cove run -no-resume " + name +
               " (the state is kept as a snapshot)");
}

std::string kept_aside_as(const VmDirectory& vm, const VmBeginning& beginning) {
  if (beginning.how != VmBeginning::How::kBootsCold) return {};
  const auto tree = vm.load_snapshots();
  if (!tree.ok()) return {};
  const auto& all = tree->all();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Snapshot& one) { return one.state == beginning.state; });
  return found == all.end() ? std::string() : found->name;
}

Error start_error(const VmDirectory& vm, const VmBeginning& beginning, Error why) {
  const auto kept = kept_aside_as(vm, beginning);
  if (kept.empty() || vm.observe().state == MachineState::kSuspended) return why;
  return std::move(why).context("what vm \"" + vm.name().str() +
                                "\" was suspended with is kept as snapshot " + kept + ", but");
}

Deed started_deed(const VmDirectory& vm, const VmBeginning& beginning) {
  const auto& name = vm.name().str();
  Deed deed{.vm = name, .done = "started", .state = "running", .text = name + ": running"};
  if (beginning.how == VmBeginning::How::kGoesOn) {
    deed.done = "resumed";
    deed.text = name + ": running, goes on as it was suspended";
    add_differences(deed.details, beginning.differences);
  } else if (const auto kept = kept_aside_as(vm, beginning); !kept.empty()) {
    deed.text = name + ": running, booted; what it was suspended with is kept as snapshot " + kept;
    deed.details.set("kept_as", kept);
  }
  return deed;
}

}  // namespace cove
