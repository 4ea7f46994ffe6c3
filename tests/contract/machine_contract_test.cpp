// The promises of hypervisor/machine.h, held by the fake and by real QEMU (TCG) alike.
#include <signal.h>

#include <cstdlib>

#include "base/files.h"
#include "machine_fixture.h"
#include "test_machine.h"

namespace cove {
namespace {

using Kind = MachineEvent::Kind;

// One way to run machines, and what its test guest calls things.
struct Subject {
  std::string name;
  std::string greeting;  // on the console when the guest is up
  std::string power_off_keys;
  std::string reboot_keys;
  bool real;
};
std::ostream& operator<<(std::ostream& out, const Subject& subject) { return out << subject.name; }

class MachineContract : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    auto made = TestMachine::create(GetParam().real ? TestEngine::kQemu : TestEngine::kFake);
    ASSERT_TRUE(made.ok()) << made.error().message();
    folder_.emplace(std::move(made->folder));
    hypervisor_ = std::move(made->hypervisor);
    spec_ = std::move(made->spec);
    run_.emplace(*hypervisor_, spec_);
  }
  MachineRun& run() { return *run_; }
  void boot() {
    const auto started = run().start();
    ASSERT_TRUE(started.ok()) << started.error().message();
    ASSERT_TRUE(run().await_output(GetParam().greeting));
  }
  void kill_engine() {
    if (GetParam().real) {
      ASSERT_EQ(::kill(run().machine().info().pid, SIGKILL), 0);
    } else {
      run().type("crash\n");
    }
  }

  std::optional<TempDir> folder_;
  std::unique_ptr<Hypervisor> hypervisor_;
  MachineSpec spec_;
  std::optional<MachineRun> run_;
};

TEST_P(MachineContract, StartsTellsItAndTalksOnTheConsole) {
  EXPECT_EQ(run().machine().state(), MachineState::kStopped);
  boot();
  EXPECT_EQ(run().machine().state(), MachineState::kRunning);
  EXPECT_EQ(run().story(), "starting running");
  run().clear_output();
  run().type("hello");
  EXPECT_TRUE(run().await_output("hello"));
  const MachineInfo info = run().machine().info();
  EXPECT_EQ(info.backend, hypervisor_->name());
  EXPECT_EQ(info.accel, Accel::kTcg);
  EXPECT_EQ(info.pid > 0, GetParam().real);
}

TEST_P(MachineContract, HandsOutEachSocketOnce) {
  EXPECT_FALSE(run().machine().take_console().valid());  // the fixture has it
  EXPECT_TRUE(run().machine().take_agent().valid());
  EXPECT_FALSE(run().machine().take_agent().valid());
  EXPECT_TRUE(run().machine().take_net().valid());
  EXPECT_FALSE(run().machine().take_net().valid());
}

TEST_P(MachineContract, ResumeUndoesPause) {
  boot();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(run().pause().ok());
    EXPECT_EQ(run().machine().state(), MachineState::kPaused);
    EXPECT_TRUE(run().pause().ok());  // again: nothing changes
    EXPECT_TRUE(run().resume().ok());
    EXPECT_EQ(run().machine().state(), MachineState::kRunning);
    EXPECT_TRUE(run().resume().ok());
  }
  EXPECT_EQ(run().story(), "starting running paused running paused running paused running");
  EXPECT_TRUE(run().machine().pause_reason().empty());
  run().clear_output();
  run().type("x");
  EXPECT_TRUE(run().await_output("x"));
}

TEST_P(MachineContract, ForceStopsBeforeStart) {
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_EQ(run().machine().state(), MachineState::kStopped);
  EXPECT_EQ(run().story(), "");
}

TEST_P(MachineContract, ForceStopsWhileStarting) {
  std::optional<Result<void>> started;
  run().machine().start([&](Result<void> result) { started = std::move(result); });
  EXPECT_EQ(run().machine().state(), MachineState::kStarting);
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_EQ(run().machine().state(), MachineState::kStopped);
  ASSERT_TRUE(started.has_value());
  EXPECT_EQ(run().count(Kind::kEngineExited), 1U);
}

TEST_P(MachineContract, ForceStopsARunningGuestAndIsIdempotent) {
  boot();
  std::optional<Result<void>> second;
  run().machine().stop(StopMode::kForce, [&](Result<void> result) { second = std::move(result); });
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_TRUE(second && second->ok());
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_EQ(run().story(), "starting running stopped engine_exited");
  EXPECT_EQ(run().machine().info().pid, 0);
}

TEST_P(MachineContract, ForceStopsAPausedGuest) {
  boot();
  EXPECT_TRUE(run().pause().ok());
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_EQ(run().story(), "starting running paused stopped engine_exited");
}

TEST_P(MachineContract, APowerOffOfTheGuestIsNoCrash) {
  boot();
  run().type(GetParam().power_off_keys);
  ASSERT_TRUE(run().await_event(Kind::kEngineExited));
  EXPECT_EQ(run().story(), "starting running guest_shutdown stopped engine_exited");
}

TEST_P(MachineContract, ThePowerButtonReachesTheGuest) {
  boot();
  EXPECT_TRUE(run().stop(StopMode::kRequest).ok());
  ASSERT_TRUE(run().await_event(Kind::kEngineExited));
  EXPECT_EQ(run().story(), "starting running guest_shutdown stopped engine_exited");
}

TEST_P(MachineContract, ThePowerButtonWakesAPausedGuest) {
  boot();
  EXPECT_TRUE(run().pause().ok());
  EXPECT_TRUE(run().stop(StopMode::kRequest).ok());
  ASSERT_TRUE(run().await_event(Kind::kEngineExited));
  EXPECT_EQ(run().story(), "starting running paused running guest_shutdown stopped engine_exited");
}

TEST_P(MachineContract, ARebootKeepsTheEngine) {
  boot();
  run().clear_output();
  run().type(GetParam().reboot_keys);
  ASSERT_TRUE(run().await_event(Kind::kGuestReset));
  EXPECT_TRUE(run().await_output(GetParam().greeting));
  EXPECT_EQ(run().machine().state(), MachineState::kRunning);
}

TEST_P(MachineContract, TheEnginesDeathIsACrashWithWords) {
  boot();
  kill_engine();
  ASSERT_TRUE(run().await_event(Kind::kEngineExited));
  EXPECT_EQ(run().story(), "starting running crashed engine_exited");
  EXPECT_FALSE(run().events().back().text.empty());
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_EQ(run().machine().state(), MachineState::kCrashed);
}

TEST_P(MachineContract, CallsInAWrongStateAreRefused) {
  const auto refused = [](const Result<void>& result) {
    return !result.ok() && result.error().code() == Code::kFailedPrecondition;
  };
  EXPECT_TRUE(refused(run().pause()));
  EXPECT_TRUE(refused(run().resume()));
  EXPECT_TRUE(refused(run().stop(StopMode::kRequest)));
  boot();
  EXPECT_TRUE(refused(run().start()));
  EXPECT_TRUE(run().stop(StopMode::kForce).ok());
  EXPECT_TRUE(refused(run().start()));
  EXPECT_TRUE(refused(run().pause()));
  EXPECT_TRUE(refused(run().resume()));
  EXPECT_TRUE(refused(run().stop(StopMode::kRequest)));
}

TEST_P(MachineContract, DestructionAnswersWhatIsPending) {
  std::vector<Code> codes;
  run().machine().start(
      [&](Result<void> result) { codes.push_back(result.ok() ? Code::kUnknown : result.error().code()); });
  run().destroy();
  EXPECT_EQ(codes, std::vector{Code::kCancelled});
}

TEST_P(MachineContract, AListenerMayGoInsideItsOwnCall) {
  int heard = 0;
  Registration once;
  once = run().machine().on_event([&](const MachineEvent&) {
    ++heard;
    once.reset();
  });
  boot();
  EXPECT_EQ(heard, 1);
}

INSTANTIATE_TEST_SUITE_P(Backends, MachineContract,
                         testing::Values(Subject{"fake", "fake guest", "poweroff\n", "reboot\n", false},
                                         Subject{"qemu", "tiny guest", "p", "r", true}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace cove
