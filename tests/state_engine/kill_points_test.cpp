// kill -9 of the supervisor at every step of everything that makes, uses or drops a state: what is told
// afterwards follows from the operation's commit point, what was committed before reads as it did, the
// operation itself is there as a whole or not at all, a sweep takes what is left over, and it succeeds when
// it is done again. The steps are learned by doing it once unharmed.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "expect_done.h"
#include "provision/vm_forker.h"
#include "vm_world.h"

namespace cove::state_test {
namespace {

using Place = VmWorld::Start::Place;

constexpr const char* kVm = "vm";

struct Scenario {
  const char* name;
  // Leaves the VM stopped or suspended.
  Result<void> (*prepare)(VmWorld& world);
  // Of a VM that runs; empty: the start itself is what is killed.
  Result<void> (*act)(VmWorld& world);
  const char* commit;  // from this step on it is done; empty: there is nothing to be seen of it
  const char* makes;   // a snapshot; empty: none
  const char* drops;   // a snapshot; empty: none
  MachineState before_commit;
  MachineState after_commit;
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

// What is known to be right before the operation begins.
struct Known {
  std::map<std::string, VmWorld::Look> snapshots;
  Memory suspended;
  DiskBytes disk;
};

// --- what is prepared ---

Result<void> nothing(VmWorld& /*world*/) { return {}; }

// Suspended, with a snapshot "base", and changed after it.
Result<void> prepare_suspended(VmWorld& world) {
  COVE_TRY(world.start(kVm));
  COVE_TRY(world.poke(kVm, 1, "one"));
  COVE_TRY(world.write_disk(kVm, 1, 11));
  COVE_TRY(world.snapshot(kVm, "save", "base"));
  COVE_TRY(world.poke(kVm, 2, "two"));
  COVE_TRY(world.write_disk(kVm, 2, 22));
  COVE_TRY(world.call(kVm, "suspend"));
  world.after_end(kVm);
  return {};
}

// Suspended to go on from "base", having moved on since.
Result<void> prepare_restore(VmWorld& world) {
  COVE_TRY(prepare_suspended(world));
  COVE_TRY(world.start(kVm));
  COVE_TRY(world.snapshot(kVm, "save", "later"));
  COVE_TRY(world.write_disk(kVm, 3, 33));
  COVE_TRY(world.stop(kVm));
  return world.point_at(kVm, "base");
}

Result<void> save(VmWorld& world) {
  COVE_TRY(world.snapshot(kVm, "save", "made"));
  return {};
}
Result<void> save_disk(VmWorld& world) {
  COVE_TRY(world.disk_snapshot(kVm, "made"));
  return {};
}
Result<void> suspend(VmWorld& world) {
  COVE_TRY(world.call(kVm, "suspend"));
  world.after_end(kVm);
  return {};
}
Result<void> make_fork_base(VmWorld& world) {
  COVE_TRY(world.call(kVm, "fork-base"));
  return {};
}
Result<void> remove_base(VmWorld& world) {
  COVE_TRY(world.snapshot(kVm, "delete", "base"));
  return {};
}

constexpr auto kCrashed = MachineState::kCrashed;
constexpr auto kSuspended = MachineState::kSuspended;
const Scenario kScenarios[] = {
    {"FirstSnapshot", nothing, save, "snapshot named", "made", "", kCrashed, kCrashed},
    {"SecondSnapshot", prepare_suspended, save, "snapshot named", "made", "", kCrashed, kCrashed},
    {"DiskSnapshot", prepare_suspended, save_disk, "snapshot named", "made", "", kCrashed, kCrashed},
    {"FirstSuspend", nothing, suspend, "suspended", "", "", kCrashed, kSuspended},
    {"SecondSuspend", prepare_suspended, suspend, "suspended", "", "", kCrashed, kSuspended},
    {"FirstForkBase", nothing, make_fork_base, "", "", "", kCrashed, kCrashed},
    {"SecondForkBase", prepare_suspended, make_fork_base, "", "", "", kCrashed, kCrashed},
    {"DeleteSnapshot", prepare_suspended, remove_base, "snapshot unnamed", "", "base", kCrashed, kCrashed},
    {"Resume", prepare_suspended, nullptr, "no longer suspended", "", "", kSuspended, kCrashed},
    {"Restore", prepare_restore, nullptr, "no longer suspended", "", "", kSuspended, kCrashed},
};

class StateKillPoints : public testing::TestWithParam<Scenario> {
 protected:
  static std::unique_ptr<VmWorld> make_world() {
    auto world = std::make_unique<VmWorld>("/dev/shm");
    EXPECT_DONE(world->make_vm(kVm));
    EXPECT_DONE(GetParam().prepare(*world));
    return world;
  }
  static std::vector<std::string> learn_steps() {
    const auto world = make_world();
    world->take_steps();
    EXPECT_DONE(world->start(kVm));
    if (GetParam().act != nullptr) {
      world->take_steps();
      EXPECT_DONE(GetParam().act(*world));
    }
    auto steps = world->take_steps();
    std::erase(steps, "tidied");  // comes when nobody waits for it
    return steps;
  }

  void kill_at(const std::string& step, bool committed) {
    const auto world = make_world();
    Known known;
    if (GetParam().act == nullptr) learn_by_going_on(*world, known);
    const auto started = world->start(kVm, {.place = Place::kProcess, .kill_at = step});
    if (GetParam().act != nullptr) {
      ASSERT_DONE(started);
      change_and_learn(*world, known);
      static_cast<void>(GetParam().act(*world));
    }
    const auto seen = world->after_end(kVm);
    EXPECT_EQ(seen.state, committed ? GetParam().after_commit : GetParam().before_commit) << seen.reason;
    check_states_of(*world, known, committed);
    EXPECT_DONE(world->sweep());
    check_states_of(*world, known, committed);
    go_on(*world, known);
    do_it_again(*world);
    EXPECT_DONE(world->registry().remove(VmName::parse(kVm).value()));
    EXPECT_DONE(world->sweep());
    EXPECT_DONE(world->expect_empty());
    if (HasFailure()) std::fputs(world->log(kVm).c_str(), stderr);
  }

 private:
  // What the suspended VM will be, told by a fork of it.
  static void learn_by_going_on(VmWorld& world, Known& known) {
    const auto record = world.vm(kVm).load_suspend().value();
    known.suspended = look_into(world, record->state).memory;
    const bool restore = record->origin == SuspendRecord::Origin::kRestore;
    known.disk = restore ? DiskBytes{{1, 11}} : DiskBytes{{1, 11}, {2, 22}};
    learn_snapshots(world, known);
  }
  static void change_and_learn(VmWorld& world, Known& known) {
    EXPECT_DONE(world.poke(kVm, 5, "five"));
    EXPECT_DONE(world.write_disk(kVm, 5, 55));
    known.suspended = world.look(kVm).value().memory;
    known.disk = {{5, 55}};
    if (GetParam().prepare != nothing) known.disk = {{1, 11}, {2, 22}, {5, 55}};
    learn_snapshots(world, known);
  }
  static void learn_snapshots(VmWorld& world, Known& known) {
    const auto tree = world.vm(kVm).load_snapshots().value();
    for (const auto& snapshot : tree.all()) known.snapshots[snapshot.name] = look_into(world, snapshot.state);
  }
  static VmWorld::Look look_into(VmWorld& world, const std::string& state) {
    const auto name = VmName::parse("probe").value();
    EXPECT_DONE(VmForker(world.home()).fork({.name = name, .state = state}));
    EXPECT_DONE(world.start("probe"));
    const auto seen = world.look("probe");
    EXPECT_DONE(seen);
    EXPECT_DONE(world.stop("probe"));
    EXPECT_DONE(world.registry().remove(name));
    return seen.ok() ? *seen : VmWorld::Look{};
  }

  static void check_states_of(VmWorld& world, const Known& known, bool committed) {
    EXPECT_DONE(world.check_states(kVm));
    auto expected = known.snapshots;
    if (committed && *GetParam().drops != '\0') expected.erase(GetParam().drops);
    const bool made = committed && *GetParam().makes != '\0';
    const auto tree = world.vm(kVm).load_snapshots().value();
    EXPECT_EQ(tree.all().size(), expected.size() + (made ? 1 : 0));
    for (const auto& [name, look] : expected) {
      ASSERT_NE(tree.find(name), nullptr) << name;
      EXPECT_EQ(look_into(world, tree.find(name)->state).memory, look.memory) << name;
    }
    if (!made) return;
    const auto* snapshot = tree.find(GetParam().makes);
    ASSERT_NE(snapshot, nullptr);
    if (snapshot->kind == SnapshotKind::kFull) {
      EXPECT_EQ(look_into(world, snapshot->state).memory, known.suspended);
    }
    EXPECT_DONE(world.expect_disk(world.store().load(snapshot->state)->disks.front().node, known.disk));
  }

  static void go_on(VmWorld& world, const Known& known) {
    const bool suspended = world.vm(kVm).observe().state == kSuspended;
    ASSERT_DONE(world.start(kVm));
    const auto memory = world.look(kVm)->memory;
    if (suspended) {
      EXPECT_EQ(memory, known.suspended);
    } else {
      EXPECT_TRUE(memory.pages.empty() && memory.serial != known.suspended.serial);
    }
    EXPECT_DONE(world.expect_disk(world.vm(kVm).load_config()->root_disk, known.disk));
  }

  static void do_it_again(VmWorld& world) {
    const auto tree = world.vm(kVm).load_snapshots().value();
    if (*GetParam().makes != '\0' && tree.find(GetParam().makes) != nullptr)
      EXPECT_DONE(world.snapshot(kVm, "delete", GetParam().makes));
    const bool dropped = *GetParam().drops != '\0' && tree.find(GetParam().drops) == nullptr;
    if (GetParam().act != nullptr && !dropped) EXPECT_DONE(GetParam().act(world));
    if (world.vm(kVm).observe().holder) EXPECT_DONE(world.stop(kVm));
    EXPECT_DONE(world.check_states(kVm));
  }
};

TEST_P(StateKillPoints, NothingIsLostAndTheOperationIsWholeOrNotAtAll) {
  const auto steps = learn_steps();
  const std::string commit = GetParam().commit;
  if (!commit.empty()) {
    ASSERT_NE(std::find(steps.begin(), steps.end(), commit), steps.end());
  }
  bool committed = false;
  for (const auto& step : steps) {
    committed = committed || step == commit;
    SCOPED_TRACE("killed at \"" + step + "\"");
    kill_at(step, committed);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, StateKillPoints, testing::ValuesIn(kScenarios),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace cove::state_test
