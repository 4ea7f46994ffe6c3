#include "cli/stopped_disk.h"

#include "base/clock.h"
#include "base/files.h"
#include "disk/disk_nodes.h"
#include "state/state_store.h"

namespace cove {
namespace {

constexpr std::string_view kRootDisk = "root";
constexpr std::size_t kMaxNvram = std::size_t{64} << 20U;

Result<StateManifest> write_state(const VmDirectory& vm, const VmConfig& config, const std::string& id,
                                  const DiskSnapshotWish& wish) {
  auto draft = COVE_TRY(StateStore(vm.home().root()).begin(id));
  if (path_exists(vm.nvram())) {
    const auto variables = COVE_TRY(read_file(vm.nvram(), kMaxNvram));
    COVE_TRY(draft.add_file(kNvramFile, variables));
  }
  return draft.commit({.id = id,
                       .kind = StateKind::kDisk,
                       .vm = vm.name().str(),
                       .created_at = format_rfc3339(std::chrono::system_clock::now()),
                       .cove = wish.cove_version,
                       .disks = {{std::string(kRootDisk), config.root_disk}},
                       .guest = Json::object({{"config", config.to_json()}})});
}

}  // namespace

// The empty layer reads like what is below it: whatever happens from its naming on, the disk is right.
Result<void> save_stopped_disk(const VmDirectory& vm, const DiskSnapshotWish& wish) {
  const auto config = COVE_TRY(vm.load_config());
  const auto state = new_object_id();
  const auto overlay = new_object_id();
  COVE_TRY(vm.save_pending({state, overlay, config.root_disk}));
  COVE_TRY(DiskNodes(vm.home().root()).add_overlay(config.root_disk, overlay, config.disk_bytes()));
  auto changed = config;
  changed.root_disk = overlay;
  COVE_TRY(vm.save_config(changed));
  const auto saved = COVE_TRY(write_state(vm, config, state, wish));
  auto tree = COVE_TRY(vm.load_snapshots());
  COVE_TRY(tree.add({.name = wish.name,
                     .state = state,
                     .kind = SnapshotKind::kDisk,
                     .created_at = saved.created_at,
                     .description = wish.description}));
  COVE_TRY(vm.save_snapshots(tree));
  return vm.save_pending({});
}

Result<void> return_to_disk(const VmDirectory& vm, const Snapshot& snapshot, const StateManifest& state) {
  auto config = COVE_TRY(vm.load_config());
  const auto overlay = new_object_id();
  COVE_TRY(vm.save_pending({state.id, state.disks.front().node, overlay}));
  COVE_TRY(DiskNodes(vm.home().root()).add_overlay(state.disks.front().node, overlay, config.disk_bytes()));
  if (state.files.contains(std::string(kNvramFile))) {
    const auto variables = COVE_TRY(StateStore(vm.home().root()).read(state, kNvramFile));
    COVE_TRY(write_file_atomic(vm.nvram(), variables, 0600));
  }
  config.root_disk = overlay;
  COVE_TRY(vm.save_config(config));
  auto tree = COVE_TRY(vm.load_snapshots());
  COVE_TRY(tree.set_current(snapshot.name));
  COVE_TRY(vm.save_snapshots(tree));
  COVE_TRY(vm.clear_suspend());
  COVE_TRY(vm.end_session());
  return vm.save_pending({});
}

}  // namespace cove
