// kill -9 of the supervisor at every step of its life: what list shows afterwards is true, and the VM can be
// run and deleted.
#include <signal.h>

#include "vm_fixture.h"

namespace cove {
namespace {

struct Death {
  const char* step;
  MachineState state;  // afterwards
  bool needs_stop;     // the step comes only while stopping
};

class SupervisorDeath : public VmFixture, public ::testing::WithParamInterface<Death> {};

TEST_P(SupervisorDeath, LeavesAVmThatIsDescribedTrulyAndHandled) {
  const Death& death = GetParam();
  set("COVE_TEST_KILL_AT", death.step);
  auto vm = launch();
  if (vm.ok() && death.needs_stop) static_cast<void>(stop("ask"));
  const Observation seen = after_end();
  EXPECT_EQ(seen.state, death.state) << seen.reason;
  if (death.state == MachineState::kCrashed) {
    EXPECT_NE(seen.reason.find("ended without stopping it"), std::string::npos);
  }
  if (vm.ok()) {
    EXPECT_EQ(vm->process.wait(kPatient)->signal, SIGKILL);
  } else {
    EXPECT_NE(vm.error().message().find("killed by signal 9"), std::string::npos) << vm.error().message();
  }
  set("COVE_TEST_KILL_AT", "never");
  auto again = launch();
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_TRUE(call("ping").ok());
  EXPECT_TRUE(stop("force").ok());
  EXPECT_EQ(after_end().state, MachineState::kStopped);
  EXPECT_TRUE(registry_.remove(vm_.name()).ok());
}

INSTANTIATE_TEST_SUITE_P(Steps, SupervisorDeath,
                         ::testing::Values(Death{"locked", MachineState::kStopped, false},
                                           Death{"session begun", MachineState::kCrashed, false},
                                           Death{"control socket bound", MachineState::kCrashed, false},
                                           Death{"listening", MachineState::kCrashed, false},
                                           Death{"machine made", MachineState::kCrashed, false},
                                           Death{"running", MachineState::kCrashed, false},
                                           Death{"machine ended", MachineState::kCrashed, true},
                                           Death{"sockets closed", MachineState::kCrashed, true},
                                           Death{"session ended", MachineState::kStopped, true}),
                         [](const auto& parameter) {
                           std::string name = parameter.param.step;
                           for (char& byte : name) byte = byte == ' ' ? '_' : byte;
                           return name;
                         });

using SupervisorGone = VmFixture;

TEST_F(SupervisorGone, ADeadSupervisorCanBeDeletedAtOnce) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  vm->process.signal(SIGKILL);
  EXPECT_EQ(after_end().state, MachineState::kCrashed);
  EXPECT_TRUE(path_exists(vm_.control_socket()));
  const Error refused = ControlClient::connect(kPatient, vm_).error();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.message().find("it crashed: its supervisor"), std::string::npos) << refused.message();
  EXPECT_TRUE(registry_.remove(vm_.name()).ok());
  EXPECT_FALSE(vm_.exists());
}

TEST_F(SupervisorGone, MemoryLeftByACrashIsRemovedByTheNextRunOfAnyVmAndByDelete) {
  const VmDirectory other(registry_.home(), VmName::parse("other").value());
  ASSERT_TRUE(registry_.create(other.name()).ok());
  ASSERT_NE(other.ram_path(), vm_.ram_path());
  ASSERT_TRUE(write_file_atomic(other.ram_path(), "ram", 0600).ok());
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  EXPECT_FALSE(path_exists(other.ram_path()));
  EXPECT_TRUE(stop("force").ok());
  static_cast<void>(after_end());
  ASSERT_TRUE(write_file_atomic(vm_.ram_path(), "ram", 0600).ok());
  EXPECT_TRUE(registry_.remove(vm_.name()).ok());
  EXPECT_FALSE(path_exists(vm_.ram_path()));
}

}  // namespace
}  // namespace cove
