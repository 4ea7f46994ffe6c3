#include "cli/vm_snapshots.h"

#include "base/strings.h"
#include "store/similar_names.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr std::string_view kSnapshotPurpose = "snapshot";

Error has_no_memory(const VmDirectory& vm, const std::string& snapshot) {
  const auto& name = vm.name().str();
  return Error(Code::kFailedPrecondition, "vm \"" + name + "\" does not run: there is no memory to save")
      .hint("save its disk alone: cove disk-snapshot save " + snapshot + " -vm " + name +
            "\nor start it first: cove up " + name);
}

Error no_snapshot(const VmDirectory& vm, const SnapshotTree& tree, const std::string& name) {
  Error error(Code::kNotFound, "vm \"" + vm.name().str() + "\" has no snapshot named \"" + name + "\"");
  std::vector<std::string> known;
  for (const auto& snapshot : tree.all()) known.push_back(snapshot.name);
  if (known.empty()) {
    return std::move(error).hint("it has none; save one: cove snapshot save " + name + " -vm " +
                                 vm.name().str());
  }
  const auto similar = similar_names(name, known);
  return std::move(error).hint(similar.empty() ? "see them all: cove snapshot list -vm " + vm.name().str()
                                               : "did you mean " + join(similar, ", ") + "?");
}

Result<void> check_free(const VmDirectory& vm, const SnapshotTree& tree, const std::string& name) {
  if (tree.find(name) == nullptr) return {};
  return Error(Code::kAlreadyExists,
               "vm \"" + vm.name().str() + "\" has a snapshot named \"" + name + "\" already")
      .hint("choose another name, or delete that one: cove snapshot delete " + name + " -vm " +
            vm.name().str());
}

// The state that is there gets a name: it is dropped no more when the VM runs.
Result<SavedSnapshot> name_suspended(const VmDirectory& vm, const SnapshotWish& wish) {
  const auto lock = COVE_TRY(vm.lock(kSnapshotPurpose));
  const auto record = COVE_TRY(vm.load_suspend());
  if (!record) return has_no_memory(vm, wish.name);  // it ran and ended meanwhile
  if (record->origin == SuspendRecord::Origin::kFork) {
    return Error(Code::kFailedPrecondition, "vm \"" + vm.name().str() + "\" is a fork that has not run yet")
        .hint("let it go on first: cove run " + vm.name().str());
  }
  auto tree = COVE_TRY(vm.load_snapshots());
  COVE_TRY(check_free(vm, tree, wish.name));
  COVE_TRY(tree.add({.name = wish.name,
                     .state = record->state,
                     .kind = SnapshotKind::kFull,
                     .created_at = record->suspended_at,
                     .description = wish.description}));
  COVE_TRY(vm.save_snapshots(tree));
  return SavedSnapshot{.way = SavedSnapshot::Way::kSuspended, .saved = {.state = record->state}};
}

// The VM is about to go on from a snapshot whose name goes: from its state alone, then.
Result<void> forget_in_record(const VmDirectory& vm, const std::string& name) {
  auto record = COVE_TRY(vm.load_suspend());
  if (!record || record->snapshot != name) return {};
  record->snapshot.clear();
  record->origin = SuspendRecord::Origin::kSuspend;
  return vm.save_suspend(*record);
}

}  // namespace

Result<SavedSnapshot> save_snapshot(const OpContext& ctx, const VmDirectory& vm, const SnapshotWish& wish) {
  COVE_TRY(check_free(vm, COVE_TRY(vm.load_snapshots()), wish.name));
  const auto seen = vm.observe();
  if (seen.has_supervisor()) {
    auto saved =
        COVE_TRY(ask_save_snapshot(ctx, vm, wish.name, wish.description)
                     .context("saving snapshot \"" + wish.name + "\" of vm \"" + vm.name().str() + "\""));
    return SavedSnapshot{.saved = std::move(saved)};
  }
  if (seen.holder) return busy_error(vm.name(), *seen.holder);
  if (seen.state == MachineState::kSuspended) return name_suspended(vm, wish);
  if (seen.state == MachineState::kStopped || seen.state == MachineState::kCrashed)
    return has_no_memory(vm, wish.name);
  return not_running_error(vm, seen);
}

Result<Snapshot> find_snapshot(const VmDirectory& vm, const SnapshotTree& tree, const std::string& name) {
  if (const auto* found = tree.find(name)) return *found;
  return no_snapshot(vm, tree, name);
}

Result<void> delete_snapshot(const OpContext& ctx, const VmDirectory& vm, const std::string& name) {
  const auto seen = vm.observe();
  if (seen.has_supervisor()) return ask_delete_snapshot(ctx, vm, name);
  const auto lock = COVE_TRY(vm.lock(kSnapshotPurpose));
  auto tree = COVE_TRY(vm.load_snapshots());
  COVE_TRY(find_snapshot(vm, tree, name));
  COVE_TRY(tree.remove(name));
  COVE_TRY(forget_in_record(vm, name));
  return vm.save_snapshots(tree);
}

Deed saved_deed(const VmDirectory& vm, const SnapshotWish& wish, const SavedSnapshot& saved) {
  const bool live = saved.way == SavedSnapshot::Way::kLive;
  Deed deed{.vm = vm.name().str(), .done = "saved", .state = std::string(to_string(vm.observe().state))};
  deed.text = deed.vm + ": snapshot " + wish.name + " saved";
  deed.details.set("snapshot", wish.name);
  if (!live) {
    deed.text += " (what it is suspended with; nothing was copied)";
    return deed;
  }
  const auto still = std::chrono::duration_cast<std::chrono::milliseconds>(saved.saved.stood_still).count();
  const auto changed = saved.saved.changed_bytes;
  deed.text += " (the guest stood still " + std::to_string(still) + " ms" +
               (changed == 0 ? ")" : ", " + format_bytes(changed) + " of memory had changed)");
  deed.details.set("stood_still_us", static_cast<std::uint64_t>(saved.saved.stood_still.count()));
  deed.details.set("changed_bytes", saved.saved.changed_bytes);
  return deed;
}

}  // namespace cove
