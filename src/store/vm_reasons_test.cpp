#include "store/vm_reasons.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "store/vm_registry.h"

namespace cove {
namespace {

class VmReasonsTest : public ::testing::Test {
 protected:
  VmReasonsTest()
      : temp_(std::move(TempDir::create("/tmp", "cove-store-")).value()),
        registry_(Home(temp_.path() / "home")),
        vm_(std::move(registry_.create(*VmName::parse("web"))).value()) {}

  Error error_for(MachineState state, std::string reason) {
    return not_running_error(vm_, {state, std::move(reason), {}});
  }

  TempDir temp_;
  VmRegistry registry_;
  VmDirectory vm_;
};

TEST_F(VmReasonsTest, EveryStateHasItsWordsAndACommand) {
  const Error stopped = error_for(MachineState::kStopped, "");
  EXPECT_EQ(stopped.message(), "vm \"web\" is not running");
  EXPECT_EQ(stopped.hint_text(), "start it: cove up web");
  const Error crashed = error_for(MachineState::kCrashed, "QEMU ended (signal 9)");
  EXPECT_EQ(crashed.message(), "vm \"web\" is not running: it crashed: QEMU ended (signal 9)");
  EXPECT_NE(crashed.hint_text().find("cove up web"), std::string::npos);
  EXPECT_NE(crashed.hint_text().find("cove logs web"), std::string::npos);
  const Error creating = error_for(MachineState::kCreating, "creation was interrupted while copying");
  EXPECT_EQ(creating.message(), "vm \"web\" is not finished: creation was interrupted while copying");
  EXPECT_NE(creating.hint_text().find("finish it: cove up web"), std::string::npos);
  const Error broken = error_for(MachineState::kBroken, "its root disk is missing");
  EXPECT_EQ(broken.message(), "vm \"web\" is broken: its root disk is missing");
  EXPECT_EQ(broken.hint_text(), "remove it: cove delete web");
  using Damage = Observation::Damage;
  const auto hint_for = [this](Damage damage) {
    return not_running_error(vm_, {.reason = "config.json", .damage = damage}).hint_text();
  };
  EXPECT_EQ(hint_for(Damage::kNewer), "update cove, or use the version that wrote it");
  EXPECT_TRUE(hint_for(Damage::kConfig).starts_with("repair that file"));
  for (const Error* error : {&stopped, &crashed, &creating, &broken}) {
    EXPECT_EQ(error->code(), Code::kFailedPrecondition);
  }
}

TEST_F(VmReasonsTest, ACommandThatHoldsItIsNamed) {
  const Error busy = not_running_error(
      vm_, {MachineState::kStopped, "", LockNote{.pid = 7, .purpose = "delete", .since = "noon"}});
  EXPECT_EQ(busy.message(), "vm \"web\" is busy: \"delete\" by pid 7 since noon");
  const Error made = not_running_error(
      vm_, {MachineState::kCreating, "by pid 7", LockNote{.pid = 7, .purpose = "create", .since = "noon"}});
  EXPECT_EQ(made.message(), "vm \"web\" is not finished: by pid 7");
  EXPECT_EQ(made.hint_text(), "wait for it: cove up web");
}

TEST_F(VmReasonsTest, AVmThatIsGoneIsNotFound) {
  ASSERT_TRUE(vm_.clear_creating().ok());
  ASSERT_TRUE(remove_tree(vm_.path()).ok());
  EXPECT_EQ(error_for(MachineState::kBroken, "no config").code(), Code::kNotFound);
}

}  // namespace
}  // namespace cove
