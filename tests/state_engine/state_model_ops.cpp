// The operations of the state model, each done to the world and to the model.
#include "cli/stopped_disk.h"
#include "cli/vm_snapshots.h"
#include "provision/vm_forker.h"
#include "state_model.h"
#include "state_model_checks.h"

namespace cove::state_test {
namespace {

template <typename T>
Result<void> only_whether(const Result<T>& result) {
  if (!result.ok()) return result.error();
  return {};
}

}  // namespace

// --- of a VM that runs ---

Result<void> StateModel::poke() {
  const std::uint32_t page = draw(12);
  const std::string word = new_name("w");
  auto done = world_.poke(name_, page, word);
  if (!done.ok()) return find_out_after_death(done);
  it().memory.pages[page] = word;
  return {};
}

Result<void> StateModel::write_disk() {
  const std::uint32_t cluster = draw(kDiskClusters);
  const auto byte = static_cast<std::uint8_t>(1 + draw(250));
  // A guest that stands still writes nothing, and says nothing either.
  if (it().state == MachineState::kPaused) return {};
  if (auto done = world_.write_disk(name_, cluster, byte); !done.ok()) return find_out_after_death(done);
  it().disk[cluster] = byte;
  return {};
}

Result<void> StateModel::pause_or_resume() {
  const bool runs = it().state == MachineState::kRunning;
  const auto done = world_.call(name_, runs ? "pause" : "resume");
  if (!done.ok()) return find_out_after_death(only_whether(done));
  it().state = runs ? MachineState::kPaused : MachineState::kRunning;
  return {};
}

// It is there as a whole; or its supervisor is dead, and then it may be there or not.
Result<void> StateModel::save_ended(const std::string& snapshot, const ModelState& state,
                                    Result<void> ended) {
  if (ended.ok()) {
    add_snapshot(snapshot, state);
    return {};
  }
  COVE_TRY(find_out_after_death(ended));
  const auto tree = COVE_TRY(world_.vm(name_).load_snapshots());
  if (tree.find(snapshot) != nullptr) add_snapshot(snapshot, state);
  return {};
}

Result<void> StateModel::save_snapshot() {
  const auto snapshot = new_name("s");
  history_ += " as " + snapshot;
  return save_ended(snapshot, {.memory = it().memory, .disk = it().disk},
                    only_whether(world_.snapshot(name_, "save", snapshot)));
}

Result<void> StateModel::save_disk() {
  const auto snapshot = new_name("d");
  history_ += " as " + snapshot;
  return save_ended(snapshot, {.disk = it().disk, .kind = SnapshotKind::kDisk},
                    only_whether(world_.disk_snapshot(name_, snapshot)));
}

Result<void> StateModel::suspend() {
  const auto done = world_.call(name_, "suspend");
  const auto seen = world_.after_end(name_);
  ModelVm& vm = it();
  if (seen.state == MachineState::kSuspended) {
    vm.suspension = ModelVm::Suspension{.from = {.memory = vm.memory, .disk = vm.disk}};
    vm.state = MachineState::kSuspended;
    return {};
  }
  if (done.ok()) return model_error("it was suspended and is " + std::string(to_string(seen.state)));
  return find_out_after_death(only_whether(done));
}

Result<void> StateModel::fork_running() {
  const auto base = world_.call(name_, "fork-base");
  if (!base.ok()) return find_out_after_death(only_whether(base));
  const auto name = new_name("f");
  history_ += " to " + name;
  const ModelState from{.memory = it().memory, .disk = it().disk};
  VmForker forker(world_.home());
  const auto forked = forker.fork({.name = VmName::parse(name).value(), .state = base->saved().id()});
  if (!forked.ok()) return find_out_after_death(only_whether(forked));  // its base went with it
  ModelVm made{.state = MachineState::kSuspended};
  made.suspension = ModelVm::Suspension{.from = from, .origin = SuspendRecord::Origin::kFork};
  begin_to_be(made, name);
  // At once: what it begins with may be on no disk.
  name_ = name;
  return start_with({});
}

void StateModel::begin_to_be(ModelVm made, const std::string& name) { vms_[name] = std::move(made); }

Result<void> StateModel::stop() {
  auto stopped = world_.stop(name_);
  const auto seen = world_.vm(name_).observe();
  const bool may = it().doomed && seen.state == MachineState::kCrashed;
  if (!may) COVE_TRY(expect_equal("state", to_string(seen.state), to_string(MachineState::kStopped)));
  if (!may) COVE_TRY(stopped);
  it().state = seen.state;
  return {};
}

Result<void> StateModel::kill() {
  it().doomed = true;
  COVE_TRY(world_.kill(name_));
  return find_out_after_death({});
}

// --- of one that does not ---

Result<void> StateModel::name_suspended() {
  const auto snapshot = new_name("n");
  const auto named = ::cove::save_snapshot({}, world_.vm(name_), {.name = snapshot});
  if (it().suspension->origin == SuspendRecord::Origin::kFork)
    return expect_code(named, Code::kFailedPrecondition);
  COVE_TRY(named);
  const auto tree = COVE_TRY(world_.vm(name_).load_snapshots());
  it().current = tree.find(snapshot)->parent;  // which it had, tried or not
  add_snapshot(snapshot, it().suspension->from);
  return {};
}

Result<void> StateModel::save_stopped() {
  const auto snapshot = new_name("d");
  {
    const auto lock = COVE_TRY(world_.vm(name_).lock("test"));
    COVE_TRY(save_stopped_disk(world_.vm(name_), {.name = snapshot}));
  }
  add_snapshot(snapshot, {.disk = it().disk, .kind = SnapshotKind::kDisk});
  return {};
}

Result<void> StateModel::restore_disk() {
  const auto chosen = some_snapshot(SnapshotKind::kDisk);
  if (!chosen) return {};
  history_ += " to " + *chosen;
  {
    const VmDirectory vm = world_.vm(name_);
    const auto lock = COVE_TRY(vm.lock("test"));
    const auto tree = COVE_TRY(vm.load_snapshots());
    const auto* snapshot = tree.find(*chosen);
    COVE_TRY(return_to_disk(vm, *snapshot, COVE_TRY(world_.store().load(snapshot->state))));
  }
  it().disk = it().snapshots.at(*chosen).disk;
  it().current = *chosen;
  it().suspension.reset();
  it().state = MachineState::kStopped;
  return {};
}

Result<void> StateModel::clone() {
  const auto name = new_name("c");
  const bool linked = chance(2);
  history_ += std::string(linked ? " linked" : " full") + " to " + name;
  NoProgress quiet;
  VmForker forker(world_.home());
  COVE_TRY(forker.clone({},
                        {.source = VmName::parse(name_).value(),
                         .name = VmName::parse(name).value(),
                         .depth = linked ? VmForker::Depth::kLinked : VmForker::Depth::kFull},
                        quiet));
  begin_to_be({.disk = it().disk}, name);
  return world_.expect_disk(COVE_TRY(world_.vm(name).load_config()).root_disk, it().disk);
}

Result<void> StateModel::remove_vm() {
  COVE_TRY(world_.registry().remove(VmName::parse(name_).value()));
  vms_.erase(name_);
  return {};
}

// --- of either ---

Result<void> StateModel::remove_snapshot() {
  const auto snapshot = *some_snapshot(std::nullopt);
  history_ += " " + snapshot;
  if (it().runs()) {
    const auto removed = world_.snapshot(name_, "delete", snapshot);
    if (removed.ok()) return drop_snapshot(snapshot), Result<void>();
    COVE_TRY(find_out_after_death(only_whether(removed)));
    const auto tree = COVE_TRY(world_.vm(name_).load_snapshots());
    if (tree.find(snapshot) == nullptr) drop_snapshot(snapshot);
    return {};
  }
  if (it().suspension && it().suspension->tried)
    it().current = COVE_TRY(world_.vm(name_).load_snapshots()).current();
  COVE_TRY(delete_snapshot({}, world_.vm(name_), snapshot));
  drop_snapshot(snapshot);
  if (it().suspension && it().suspension->going == snapshot) {
    it().suspension->going.clear();
    it().suspension->origin = SuspendRecord::Origin::kSuspend;
  }
  return {};
}

Result<void> StateModel::restore() {
  const auto chosen = some_snapshot(SnapshotKind::kFull);
  const bool forked = it().suspension && it().suspension->origin == SuspendRecord::Origin::kFork;
  if (!chosen || forked) return {};
  history_ += " to " + *chosen;
  if (it().runs()) COVE_TRY(stop());
  COVE_TRY(world_.point_at(name_, *chosen));
  ModelVm& vm = it();
  if (vm.suspension && vm.suspension->origin == SuspendRecord::Origin::kSuspend)
    vm.disk = vm.suspension->from.disk;
  if (vm.suspension && vm.suspension->tried) {
    vm.current = COVE_TRY(world_.vm(name_).load_snapshots()).current();
    COVE_TRY(find_disk_of({vm.disk, vm.suspension->from.disk}));
  }
  vm.suspension = ModelVm::Suspension{
      .from = vm.snapshots.at(*chosen), .origin = SuspendRecord::Origin::kRestore, .going = *chosen};
  vm.state = MachineState::kSuspended;
  return start();
}

Result<void> StateModel::fork_snapshot() {
  const auto chosen = some_snapshot(SnapshotKind::kFull);
  if (!chosen) return {};
  const auto name = new_name("f");
  history_ += "@" + *chosen + " to " + name;
  const auto tree = COVE_TRY(world_.vm(name_).load_snapshots());
  VmForker forker(world_.home());
  COVE_TRY(forker.fork({.name = VmName::parse(name).value(), .state = tree.find(*chosen)->state}));
  ModelVm made{.state = MachineState::kSuspended};
  made.suspension =
      ModelVm::Suspension{.from = it().snapshots.at(*chosen), .origin = SuspendRecord::Origin::kFork};
  begin_to_be(made, name);
  return {};
}

Result<void> StateModel::sweep() {
  const auto report = COVE_TRY(world_.sweep());
  return expect_equal("what the sweep could not know", report.kept, "");
}

// A snapshot is what it was: its disk, and its memory as a fork of it sees it.
Result<void> StateModel::probe() {
  const auto chosen = *some_snapshot(std::nullopt);
  const auto& expected = it().snapshots.at(chosen);
  const auto tree = COVE_TRY(world_.vm(name_).load_snapshots());
  const auto id = tree.find(chosen)->state;
  const auto state = COVE_TRY(world_.store().load(id));
  COVE_TRY(world_.expect_disk(state.disks.front().node, expected.disk));
  if (expected.kind == SnapshotKind::kDisk) return {};
  const auto probe = VmName::parse(new_name("probe")).value();
  VmForker forker(world_.home());
  COVE_TRY(forker.fork({.name = probe, .state = id}));
  COVE_TRY(world_.start(probe.str()));
  const auto seen = COVE_TRY(world_.look(probe.str()));
  COVE_TRY(expect_equal("memory of " + chosen, seen.memory.to_text(), expected.memory.to_text()));
  COVE_TRY(world_.stop(probe.str()));
  return world_.registry().remove(probe);
}

}  // namespace cove::state_test
