#include <array>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"
#include "cli/vm_power.h"
#include "provision/vm_maker.h"
#include "state/collector.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 2> kDeleteFlags{{
    {"force", FlagKind::kSwitch, "", "do not ask, and end a running VM by force", ""},
    {"all", FlagKind::kSwitch, "", "every VM", ""},
}};

Result<void> check_deletable(const VmDirectory& vm) {
  const auto seen = vm.observe();
  if (!seen.holder) return {};
  if (seen.has_supervisor()) {
    return Error(Code::kFailedPrecondition, "vm \"" + vm.name().str() + "\" is running")
        .hint("stop it first: cove stop " + vm.name().str() + "\nor end and delete it: cove delete -force " +
              vm.name().str());
  }
  return busy_error(vm.name(), *seen.holder);
}

// "everything on its disk, what it is suspended with and 3 snapshots"
std::string what_goes(const std::vector<VmDirectory>& chosen) {
  std::size_t suspended = 0;
  std::size_t snapshots = 0;
  for (const auto& vm : chosen) {
    if (vm.observe().state == MachineState::kSuspended) ++suspended;
    if (const auto tree = vm.load_snapshots(); tree.ok()) snapshots += tree->all().size();
  }
  std::vector<std::string> things{"everything on its disk"};
  if (suspended > 0) things.emplace_back("what it is suspended with");
  if (snapshots > 0)
    things.push_back(std::to_string(snapshots) + (snapshots == 1 ? " snapshot" : " snapshots"));
  const auto last = things.back();
  things.pop_back();
  return things.empty() ? last : join(things, ", ") + " and " + last;
}

Result<bool> may_delete(Invocation& inv, const std::vector<VmDirectory>& chosen) {
  if (inv.flags.is_set("force")) return true;
  for (const auto& vm : chosen) COVE_TRY(check_deletable(vm));
  std::vector<std::string> names;
  names.reserve(chosen.size());
  for (const auto& vm : chosen) names.push_back(vm.name().str());
  const auto list = join(names, ", ");
  if (!is_terminal(inv.env.in)) {
    return Error(Code::kFailedPrecondition,
                 "not deleting " + list + " without asking, and there is no terminal to ask on")
        .hint("say so: cove delete -force " + join(names, " "));
  }
  return confirm(inv.context(), inv.env.in, inv.env.err,
                 "Delete " + list + " and " + what_goes(chosen) + "?");
}

Result<int> run_delete(Invocation& inv) {
  if (inv.flags.words.empty() && !inv.flags.given("vm") && !inv.flags.is_set("all")) {
    return inv.usage(
        Error(Code::kInvalidArgument, "name the VM to delete, or say -all").hint("cove list shows them"));
  }
  // Of a VM whose deletion was killed only what cannot be named is left: it goes whatever name is given.
  COVE_TRY(sweep_store(Home(inv.env.home)));
  const auto chosen = COVE_TRY(choose_vms(inv));
  if (chosen.empty()) {
    inv.out.note("There is no VM to delete.");
    return 0;
  }
  if (!COVE_TRY(may_delete(inv, chosen))) {
    inv.out.note("Nothing was deleted.");
    return 0;  // what was answered was done
  }
  std::optional<Error> failure;
  for (const auto& vm : chosen) {
    const auto removed = [&]() -> Result<SweepReport> {
      if (inv.flags.is_set("force"))
        COVE_TRY(stop_vm(inv.context(), vm, StopMode::kForce, std::chrono::seconds(0)));
      return VmMaker(vm.home()).remove(vm.name());
    }();
    if (removed.ok()) {
      inv.tell({.vm = vm.name().str(), .done = "deleted", .state = "deleted", .text = {}});
      if (!removed->kept.empty())
        inv.out.note("Its disk was kept, as another VM may need it: " + printable(removed->kept));
    } else if (failure) {
      inv.out.note("cove: " + printable(removed.error().message()));
    } else {
      failure = removed.error();
    }
  }
  if (failure) return std::move(*failure);
  return 0;
}

constexpr CommandSpec delete_spec(std::string_view name) {
  return {.name = name,
          .words = "NAME...",
          .summary = "delete VMs and their disks",
          .flags = kDeleteFlags,
          .word_kind = WordKind::kVm,
          .most_words = kAnyNumber,
          .run = run_delete};
}

}  // namespace

constinit const CommandSpec kDeleteCommand = delete_spec("delete");
constinit const CommandSpec kVmDeleteCommand = delete_spec("vm delete");

}  // namespace cove
