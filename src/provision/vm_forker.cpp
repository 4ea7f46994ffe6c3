#include "provision/vm_forker.h"

#include "base/clock.h"
#include "base/files.h"
#include "disk/disk_chain.h"
#include "disk/disk_nodes.h"
#include "model/object_id.h"
#include "state/state_store.h"

namespace cove {
namespace {

// The source's ports are in use by the source.
void become_another(VmConfig& config, VmForker::Identity identity) {
  config.forwards.clear();
  config.created_at = format_rfc3339(std::chrono::system_clock::now());
  config.root_disk = new_object_id();
  if (identity == VmForker::Identity::kKept) return;
  config.mac = random_mac();
  config.machine_id = new_object_id();
}

Result<void> make_overlay_over(const Home& home, const std::string& below, const VmConfig& config) {
  return DiskNodes(home.root()).add_overlay(below, config.root_disk, config.disk_bytes());
}

Error not_clonable(const VmName& name, const Observation& seen) {
  const std::string state(to_string(seen.state));
  Error error(Code::kFailedPrecondition,
              "vm \"" + name.str() + "\" is " + state + "; what is cloned is the disk of a stopped VM");
  const bool has_state = seen.has_supervisor() || seen.state == MachineState::kSuspended;
  return std::move(error).hint(has_state ? "copy it as it is, with what runs in it: cove fork " + name.str() +
                                               " NEW"
                                         : "its state: cove status " + name.str());
}

}  // namespace

// --- fork ---

Result<VmDirectory> VmForker::fork(const Fork& order) {
  auto vm = COVE_TRY(registry_.create(order.name));
  auto filled = fill_fork(vm, order);
  if (!filled.ok()) {
    static_cast<void>(registry_.remove(order.name));
    return std::move(filled).context("forking to vm \"" + order.name.str() + "\"").error();
  }
  return vm;
}

Result<void> VmForker::fill_fork(const VmDirectory& vm, const Fork& order) {
  const FileLock lock = COVE_TRY(vm.lock("fork"));
  const StateStore store(vm.home().root());
  const auto state = COVE_TRY(store.load(order.state));
  if (state.disks.empty() || state.kind != StateKind::kFull)
    return Error(Code::kInvalidArgument, "state " + state.id + " has no memory to go on from");
  auto config = COVE_TRY(VmConfig::from_json(state.guest.get("config")));
  become_another(config, order.identity);
  PendingIds ids = COVE_TRY(store.layers_of(state));
  ids.insert({state.id, config.root_disk});
  for (const auto& disk : state.disks) ids.insert(disk.node);
  COVE_TRY(vm.save_pending(ids));
  // Else a sweep may have begun before it was spoken for here.
  if (order.still_named) COVE_TRY(order.still_named());
  COVE_TRY(vm.save_config(config));
  COVE_TRY(make_overlay_over(vm.home(), state.disks.front().node, config));
  if (state.files.contains(std::string(kNvramFile)))
    COVE_TRY(write_file_atomic(vm.nvram(), COVE_TRY(store.read(state, kNvramFile)), 0600));
  const bool kept = order.identity == Identity::kKept;
  COVE_TRY(vm.save_suspend({.state = state.id,
                            .origin = kept ? SuspendRecord::Origin::kRestore : SuspendRecord::Origin::kFork,
                            .suspended_at = state.created_at}));
  return vm.clear_creating();
}

// --- clone ---

Result<VmDirectory> VmForker::clone(const OpContext& ctx, const Clone& order, Progress& progress) {
  const auto source = COVE_TRY(registry_.open(order.source));
  const auto seen = source.observe();
  const bool can =
      !seen.holder && (seen.state == MachineState::kStopped || seen.state == MachineState::kCrashed);
  if (!can) return not_clonable(order.source, seen);
  const FileLock source_lock = COVE_TRY(source.lock("clone"));
  auto vm = COVE_TRY(registry_.create(order.name));
  auto filled = fill_clone(ctx, vm, source, order, progress);
  if (!filled.ok()) {
    static_cast<void>(registry_.remove(order.name));
    return std::move(filled).context("cloning to vm \"" + order.name.str() + "\"").error();
  }
  return vm;
}

Result<void> VmForker::fill_clone(const OpContext& ctx, const VmDirectory& vm, const VmDirectory& source,
                                  const Clone& order, Progress& progress) {
  const FileLock lock = COVE_TRY(vm.lock("clone"));
  auto original = COVE_TRY(source.load_config());
  auto config = original;
  become_another(config, order.identity);
  if (order.identity == Identity::kNew) config.new_identity = true;
  const std::string below = original.root_disk;
  COVE_TRY(vm.save_pending({config.root_disk, below}));
  COVE_TRY(vm.save_config(config));
  if (order.depth == Depth::kLinked) {
    // The common disk is nobody's to write to any more: the source gets a layer of its own, too.
    COVE_TRY(make_overlay_over(vm.home(), below, config));
    auto changed = original;
    changed.root_disk = new_object_id();
    PendingIds spoken = COVE_TRY(source.load_pending());
    spoken.insert(changed.root_disk);
    COVE_TRY(source.save_pending(spoken));
    COVE_TRY(make_overlay_over(vm.home(), below, changed));
    COVE_TRY(source.save_config(changed));
    COVE_TRY(source.save_pending({}));
  } else {
    progress.step("copying the disk");
    COVE_TRY(
        flatten_chain(ctx, DiskNodes(vm.home().root()), {.id = below, .new_id = config.root_disk}, progress));
  }
  if (path_exists(source.nvram()))
    COVE_TRY(
        write_file_atomic(vm.nvram(), COVE_TRY(read_file(source.nvram(), std::size_t{64} << 20U)), 0600));
  COVE_TRY(vm.clear_creating());
  return vm.save_pending({});
}

}  // namespace cove
