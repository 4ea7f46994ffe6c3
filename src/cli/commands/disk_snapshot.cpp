// The commands about snapshots of disks alone. What they have in common with those of whole machines is done
// by them.
#include <array>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/snapshot_words.h"
#include "cli/stopped_disk.h"
#include "cli/version.h"
#include "cli/vm_choice.h"
#include "cli/vm_snapshots.h"
#include "state/state_store.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 3> kDiskSaveFlags{{
    {"freeze", FlagKind::kSwitch, "", "hold the guest's file systems still meanwhile, through its agent", ""},
    {"freeze-timeout", FlagKind::kDuration, "TIME", "how long at most; the guest lets go by itself then",
     "10s"},
    {"description", FlagKind::kText, "TEXT", "what it is for, for your memory", ""},
}};
constexpr std::array<FlagSpec, 1> kDiskRestoreFlags{{
    {"discard", FlagKind::kSwitch, "", "give up what the VM is now instead of saving it first", ""},
}};
constexpr std::array<FlagSpec, 1> kDiskDeleteFlags{{
    {"force", FlagKind::kSwitch, "", "do not ask", ""},
}};

// A whole machine's snapshot is not deleted or restored by a word about disks.
Result<void> check_disk_kind(Invocation& inv) {
  COVE_TRY(check_snapshot_names(inv));
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto tree = COVE_TRY(vm.load_snapshots());
  for (const auto& name : inv.flags.words) {
    if (COVE_TRY(find_snapshot(vm, tree, name)).kind == SnapshotKind::kDisk) continue;
    const std::string verb(inv.command.name.substr(inv.command.name.rfind(' ') + 1));
    return Error(Code::kFailedPrecondition, "snapshot \"" + name + "\" has memory, too")
        .hint("cove snapshot " + verb + " " + name + " -vm " + vm.name().str());
  }
  return {};
}

Result<VmDiskSaved> save_disks(const OpContext& ctx, const VmDirectory& vm, const DiskSnapshotWish& wish,
                               std::chrono::milliseconds freeze) {
  const auto tree = COVE_TRY(vm.load_snapshots());
  if (tree.find(wish.name) != nullptr) {
    return Error(Code::kAlreadyExists,
                 "vm \"" + vm.name().str() + "\" has a snapshot named \"" + wish.name + "\" already");
  }
  const auto seen = vm.observe();
  if (seen.has_supervisor())
    return ask_save_disks(ctx, vm, wish.name, wish.description, freeze).context("saving the disks");
  if (seen.holder) return busy_error(vm.name(), *seen.holder);
  if (seen.state == MachineState::kCreating || seen.state == MachineState::kBroken)
    return not_running_error(vm, seen);
  const auto lock = COVE_TRY(vm.lock("disk-snapshot"));
  COVE_TRY(save_stopped_disk(vm, wish));
  return VmDiskSaved{};
}

Result<int> run_disk_save(Invocation& inv) {
  COVE_TRY(check_snapshot_names(inv));
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const bool freeze = inv.flags.is_set("freeze");
  const auto limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(*inv.flags.duration("freeze-timeout"));
  if (freeze && (limit < std::chrono::milliseconds(1) || limit > std::chrono::minutes(1)))
    return inv.usage("-freeze-timeout is 1ms to 60s");
  if (freeze && !vm.observe().has_supervisor()) {
    return Error(Code::kFailedPrecondition,
                 "vm \"" + vm.name().str() + "\" does not run: there are no file systems to hold still")
        .hint("leave -freeze away");
  }
  auto progress = make_progress(inv.env.err);
  progress->step("saving the disk of " + vm.name().str() + " as " + inv.flags.words[0]);
  const DiskSnapshotWish wish{.name = inv.flags.words[0],
                              .description = std::string(inv.flags.text("description")),
                              .cove_version = std::string(version_number())};
  const auto saved =
      COVE_TRY(save_disks(inv.context(), vm, wish, freeze ? limit : std::chrono::milliseconds(0)));
  progress.reset();
  Deed deed{.vm = vm.name().str(), .done = "saved", .state = std::string(to_string(vm.observe().state))};
  deed.text = deed.vm + ": disk snapshot " + wish.name + " saved" +
              (saved.frozen ? ", its file systems held still meanwhile" : "");
  deed.details.set("snapshot", wish.name);
  deed.details.set("frozen", saved.frozen);
  inv.tell(deed);
  if (freeze && !saved.frozen)
    inv.out.note("The guest's file systems were not held still: " + printable(saved.not_frozen_why) +
                 ". The snapshot is what a power cut would leave.");
  return 0;
}

Result<int> run_disk_list(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto tree = COVE_TRY(vm.load_snapshots());
  const StateStore store(vm.home().root());
  std::vector<std::vector<std::string>> rows{{"NAME", "FROZEN", "CREATED", "DESCRIPTION"}};
  Json list = Json::array();
  for (const auto& snapshot : tree.all()) {
    if (snapshot.kind != SnapshotKind::kDisk) continue;
    const auto state = store.load(snapshot.state);
    const bool frozen = state.ok() && state->quiet == DiskQuiet::kFrozen;
    rows.push_back({snapshot.name,
                    !state.ok() ? "damaged"
                    : frozen    ? "yes"
                                : "no",
                    snapshot.created_at, snapshot.description.substr(0, snapshot.description.find('\n'))});
    auto json = Json::object();
    add_json(json, snapshot);
    json.set("frozen", frozen);
    list.push_back(std::move(json));
  }
  if (inv.json()) {
    inv.out.print_json(
        Json::object({{"version", 1}, {"vm", vm.name().str()}, {"snapshots", std::move(list)}}));
  } else if (rows.size() == 1) {
    inv.out.note(vm.name().str() + " has no disk snapshot. Save one: cove disk-snapshot save NAME -vm " +
                 vm.name().str());
  } else {
    inv.out.print(printable(format_table(rows)));
  }
  return 0;
}

Result<int> run_disk_restore(Invocation& inv) {
  COVE_TRY(check_disk_kind(inv));
  return kSnapshotRestoreCommand.run(inv);
}

Result<int> run_disk_delete(Invocation& inv) {
  COVE_TRY(check_disk_kind(inv));
  return kSnapshotDeleteCommand.run(inv);
}

}  // namespace

constinit const CommandSpec kDiskSnapshotSaveCommand{.name = "disk-snapshot save",
                                                     .words = "NAME",
                                                     .summary = "save a VM's disk alone, running or not",
                                                     .flags = kDiskSaveFlags,
                                                     .word_kind = WordKind::kText,
                                                     .least_words = 1,
                                                     .most_words = 1,
                                                     .run = run_disk_save};
constinit const CommandSpec kDiskSnapshotListCommand{.name = "disk-snapshot list",
                                                     .words = "",
                                                     .summary = "the snapshots of a VM's disk alone",
                                                     .flags = {},
                                                     .run = run_disk_list};
constinit const CommandSpec kDiskSnapshotRestoreCommand{.name = "disk-snapshot restore",
                                                        .words = "NAME",
                                                        .summary = "give a stopped VM the disk of a snapshot",
                                                        .flags = kDiskRestoreFlags,
                                                        .word_kind = WordKind::kSnapshot,
                                                        .least_words = 1,
                                                        .most_words = 1,
                                                        .run = run_disk_restore};
constinit const CommandSpec kDiskSnapshotDeleteCommand{.name = "disk-snapshot delete",
                                                       .words = "NAME...",
                                                       .summary = "delete snapshots of disks",
                                                       .flags = kDiskDeleteFlags,
                                                       .word_kind = WordKind::kSnapshot,
                                                       .least_words = 1,
                                                       .most_words = kAnyNumber,
                                                       .run = run_disk_delete};

}  // namespace cove
