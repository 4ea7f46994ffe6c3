// What VMs, their disks, memories and snapshots have to be after any sequence of operations, and the driver
// that does them to a VmWorld and to this model alike. One thread.
#pragma once

#include <optional>
#include <random>
#include <string>

#include "vm_world.h"

namespace cove::state_test {

struct ModelState {
  Memory memory{};  // of a full state
  DiskBytes disk{};
  SnapshotKind kind = SnapshotKind::kFull;
  std::string parent{};  // as snapshot
};

struct ModelVm {
  MachineState state = MachineState::kStopped;
  VmWorld::Start::Place place = VmWorld::Start::Place::kThread;
  bool doomed = false;  // it will be killed at some step
  Memory memory{};      // running, paused
  DiskBytes disk{};     // unless suspended
  // What it goes on from. `going` is the snapshot it is restored from, if it is.
  struct Suspension {
    ModelState from{};
    SuspendRecord::Origin origin = SuspendRecord::Origin::kSuspend;
    std::string going{};
    bool tried = false;  // a start died on the way: the disk and the tree's position may be its already
  };
  std::optional<Suspension> suspension{};
  std::map<std::string, ModelState> snapshots{};
  std::string current{};

  bool runs() const { return state == MachineState::kRunning || state == MachineState::kPaused; }
};

class StateModel {
 public:
  explicit StateModel(const std::filesystem::path& parent);
  // One operation, drawn by the seed, and what has to be true after it.
  Result<void> step(std::uint32_t seed);
  // Deletes everything; nothing may be left.
  Result<void> finish();
  // What was done, one operation a line.
  const std::string& history() const { return history_; }
  const std::map<std::string, int>& counts() const { return counts_; }

 private:
  using Op = Result<void> (StateModel::*)();
  struct Choice {
    const char* name;
    Op op;
    int weight;
  };
  std::vector<Choice> choices() const;
  std::uint32_t draw(std::uint32_t below);
  bool chance(std::uint32_t one_in) { return draw(one_in) == 0; }
  std::string new_name(const char* prefix) { return prefix + std::to_string(next_name_++); }
  std::optional<std::string> some_snapshot(std::optional<SnapshotKind> kind);
  ModelVm& it() { return vms_.at(name_); }
  const ModelVm& it() const { return vms_.at(name_); }

  // Of a VM that runs.
  Result<void> poke();
  Result<void> write_disk();
  Result<void> pause_or_resume();
  Result<void> save_snapshot();
  Result<void> save_disk();
  Result<void> suspend();
  Result<void> fork_running();
  Result<void> remove_snapshot();
  Result<void> stop();
  Result<void> kill();
  // Of one that does not.
  Result<void> start();
  Result<void> start_cold();
  Result<void> name_suspended();
  Result<void> save_stopped();
  Result<void> restore_disk();
  Result<void> clone();
  Result<void> remove_vm();
  // Of either.
  Result<void> restore();
  Result<void> fork_snapshot();
  Result<void> sweep();
  Result<void> probe();

  Result<void> start_with(VmWorld::Start how);
  Result<void> went_on();
  Result<void> died_starting();
  Result<void> save_ended(const std::string& snapshot, const ModelState& state, Result<void> ended);
  Result<void> find_out_after_death(Result<void> why);
  Result<std::string> find_snapshot_kept_aside();
  Result<void> find_disk_of(const std::vector<DiskBytes>& candidates);
  Result<void> look_again();
  void add_snapshot(const std::string& name, ModelState state);
  void drop_snapshot(const std::string& name);
  void begin_to_be(ModelVm made, const std::string& name);
  Result<void> check_vm(const std::string& name);

  VmWorld world_;
  std::mt19937 random_;
  std::map<std::string, ModelVm> vms_;
  std::string name_;  // the VM whose turn it is
  int next_name_ = 0;
  std::string history_;
  std::map<std::string, int> counts_;
};

}  // namespace cove::state_test
