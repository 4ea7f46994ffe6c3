// One round trip of everything that a state can be made into, on the fake engine.
#include <gtest/gtest.h>

#include "expect_done.h"
#include "vm_world.h"

namespace cove::state_test {
namespace {

TEST(StateRounds, ASuspendedVmGoesOnWithItsMemoryAndItsDisk) {
  VmWorld world("/dev/shm");
  EXPECT_DONE(world.make_vm("vm"));
  EXPECT_DONE(world.start("vm"));
  EXPECT_DONE(world.poke("vm", 3, "before"));
  EXPECT_DONE(world.write_disk("vm", 1, 7));
  const auto before = world.look("vm").value().memory;
  EXPECT_EQ(before.pages.at(3), "before");
  for (int round = 0; round < 3; ++round) {
    EXPECT_DONE(world.call("vm", "suspend"));
    EXPECT_EQ(world.after_end("vm").state, MachineState::kSuspended);
    EXPECT_DONE(world.check_states("vm"));
    EXPECT_DONE(world.start(
        "vm", {.place = round == 1 ? VmWorld::Start::Place::kProcess : VmWorld::Start::Place::kThread}));
    EXPECT_EQ(world.look("vm").value().memory, before);
    EXPECT_DONE(world.expect_disk(world.vm("vm").load_config()->root_disk, {{1, 7}}));
  }
  EXPECT_DONE(world.stop("vm"));
  EXPECT_EQ(world.vm("vm").observe().state, MachineState::kStopped);
  EXPECT_DONE(world.registry().remove(VmName::parse("vm").value()));
  EXPECT_DONE(world.sweep());
  EXPECT_DONE(world.expect_empty());
}

}  // namespace
}  // namespace cove::state_test
