#include <array>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/snapshot_words.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"
#include "state/collector.h"
#include "state/object_sizes.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kSnapshotDeleteFlags{{
    {"force", FlagKind::kSwitch, "", "do not ask", ""},
}};

Result<bool> may_delete_snapshots(Invocation& inv, const VmDirectory& vm) {
  if (inv.flags.is_set("force")) return true;
  const auto list = join(inv.flags.words, ", ");
  if (!is_terminal(inv.env.in)) {
    return Error(Code::kFailedPrecondition,
                 "not deleting " + list + " without asking, and there is no terminal to ask on")
        .hint("say so: cove snapshot delete -force " + join(inv.flags.words, " ") + " -vm " +
              vm.name().str());
  }
  const char* what = inv.flags.words.size() == 1 ? "snapshot " : "snapshots ";
  return confirm(inv.context(), inv.env.in, inv.env.err,
                 "Delete " + (what + list) + " of " + vm.name().str() + "?");
}

// What the VM holds of the store; 0 if it cannot be told.
std::uint64_t held_bytes(const VmDirectory& vm) {
  const auto sizes = measure_store(vm.home());
  if (!sizes.ok()) return 0;
  const auto found = sizes->vms.find(vm.name().str());
  return found == sizes->vms.end() ? 0 : found->second.own;
}

// The names are gone: files that stay are no failure, and the next sweep takes them. What is of no use to
// anybody may have been swept already by the VM's supervisor, which is why the VM's share is compared.
void tell_freed(Invocation& inv, const VmDirectory& vm, std::uint64_t before) {
  const auto swept = sweep_store(vm.home());
  if (!swept.ok()) return inv.out.note("its files stay for now: " + printable(swept.error().message()));
  if (!swept->kept.empty()) inv.out.note("files that may be of no use are kept: " + printable(swept->kept));
  const auto after = held_bytes(vm);
  if (after != 0 && after < before) inv.out.note("freed: " + format_bytes(before - after));
}

Result<int> run_snapshot_delete(Invocation& inv) {
  COVE_TRY(check_snapshot_names(inv));
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto tree = COVE_TRY(vm.load_snapshots());
  for (const auto& name : inv.flags.words) COVE_TRY(find_snapshot(vm, tree, name));
  if (!COVE_TRY(may_delete_snapshots(inv, vm))) {
    inv.out.note("Nothing was deleted.");
    return 0;  // what was answered was done
  }
  const auto before = held_bytes(vm);
  for (const auto& name : inv.flags.words) {
    COVE_TRY(delete_snapshot(inv.context(), vm, name));
    Deed deed{.vm = vm.name().str(),
              .done = "deleted",
              .state = std::string(to_string(vm.observe().state)),
              .text = vm.name().str() + ": snapshot " + name + " deleted"};
    deed.details.set("snapshot", name);
    inv.tell(deed);
  }
  tell_freed(inv, vm, before);
  return 0;
}

}  // namespace

constinit const CommandSpec kSnapshotDeleteCommand{
    .name = "snapshot delete",
    .words = "NAME...",
    .summary = "delete snapshots; those taken later stay whole",
    .flags = kSnapshotDeleteFlags,
    .word_kind = WordKind::kSnapshot,
    .least_words = 1,
    .most_words = kAnyNumber,
    .run = run_snapshot_delete};

}  // namespace cove
