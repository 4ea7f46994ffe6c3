#include <array>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/saved_machine.h"
#include "cli/snapshot_words.h"
#include "cli/vm_choice.h"
#include "cli/vm_restore.h"
#include "state/state_store.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kSnapshotRestoreFlags{{
    {"discard", FlagKind::kSwitch, "", "give up what the VM is now instead of saving it first", ""},
}};

Deed restored_deed(const VmDirectory& vm, const Snapshot& snapshot, const Restored& restored) {
  const bool runs = restored.now == Restored::Now::kRuns;
  Deed deed{.vm = vm.name().str(), .done = "restored", .state = runs ? "running" : "stopped"};
  deed.text =
      deed.vm + (runs ? ": runs again as at snapshot " : ": its disk is that of snapshot ") + snapshot.name;
  deed.details.set("snapshot", snapshot.name);
  if (!restored.kept_as.empty()) {
    deed.text += "; what it was is kept as " + restored.kept_as;
    deed.details.set("kept_as", restored.kept_as);
  }
  return deed;
}

// What cannot be read is told by the restore.
std::vector<std::string> differences_of(const VmDirectory& vm, const Snapshot& snapshot) {
  const auto state = StateStore(vm.home().root()).load(snapshot.state);
  const auto config = vm.load_config();
  if (!state.ok() || !config.ok()) return {};
  return saved_machine_differences(*state, *config);
}

Result<int> run_snapshot_restore(Invocation& inv) {
  COVE_TRY(check_snapshot_names(inv));
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  using Present = RestoreWish::Present;
  const RestoreWish wish{
      .snapshot = COVE_TRY(find_snapshot(vm, COVE_TRY(vm.load_snapshots()), inv.flags.words[0])),
      .present = inv.flags.is_set("discard") ? Present::kDiscarded : Present::kKept};
  const auto differences = differences_of(vm, wish.snapshot);
  if (!differences.empty()) {
    inv.out.note(saved_machine_text(vm.name().str(), differences) +
                 ". A cold boot follows the configuration: cove restart " + vm.name().str());
  }
  auto progress = make_progress(inv.env.err);
  const auto restored = COVE_TRY(restore_snapshot(inv.context(), inv.env, vm, wish, *progress));
  progress.reset();
  auto deed = restored_deed(vm, wish.snapshot, restored);
  add_differences(deed.details, differences);
  inv.tell(deed);
  return 0;
}

}  // namespace

constinit const CommandSpec kSnapshotRestoreCommand{
    .name = "snapshot restore",
    .words = "NAME",
    .summary = "let a VM be what it was at a snapshot, and run",
    .flags = kSnapshotRestoreFlags,
    .word_kind = WordKind::kSnapshot,
    .least_words = 1,
    .most_words = 1,
    .run = run_snapshot_restore};

}  // namespace cove
