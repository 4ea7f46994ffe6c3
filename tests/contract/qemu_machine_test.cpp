// QemuMachine against an engine that misbehaves at every step of its life (fake_qemu), and a real one that is
// stopped by a signal or not there at all.
#include "hypervisor/qemu/qemu_machine.h"

#include <signal.h>

#include <algorithm>

#include "hypervisor/qemu/qemu_hypervisor.h"
#include "hypervisor/qemu/qemu_plan.h"
#include "machine_fixture.h"

namespace cove {
namespace {

using Kind = MachineEvent::Kind;

class QemuMachineTest : public testing::Test {
 protected:
  void prepare(const std::string& mode, const std::string& binary = COVE_FAKE_QEMU) {
    QemuHost host;
    host.arch = Arch::kX86_64;
    host.binary = binary;
    host.version = "7.2.0";
    host.accel = Accel::kKvm;  // the fake takes its mode from the kernel's arguments, as they are
    VmConfig config;
    config.arch = Arch::kX86_64;
    config.mac = "52:54:00:12:34:56";
    MachinePaths paths;
    paths.kernel = "kernel";
    paths.cmdline = mode;
    hypervisor_ = make_qemu_hypervisor(host);
    auto spec = hypervisor_->plan(config, paths);
    ASSERT_TRUE(spec.ok()) << spec.error().message();
    spec->memory_bytes = 1U << 20U;
    run_.emplace(*hypervisor_, std::move(*spec));
  }
  std::unique_ptr<Hypervisor> hypervisor_;
  std::optional<MachineRun> run_;
};

TEST_F(QemuMachineTest, AnEngineThatEndsAtOnceIsQuoted) {
  prepare("exit-first");
  const auto started = run_->start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().message(),
            "starting QEMU: QEMU ended (exit status 1): qemu: ?[31mthe disk is locked");
  EXPECT_EQ(run_->story(), "starting stopped engine_exited");
}

TEST_F(QemuMachineTest, AMissingEngineIsAnErrorAtOnce) {
  prepare("", "/nowhere/qemu-system-x86_64");
  const auto started = run_->start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), Code::kNotFound);
  EXPECT_NE(started.error().message().find("/nowhere/qemu-system-x86_64"), std::string::npos);
  EXPECT_EQ(run_->story(), "");
}

TEST_F(QemuMachineTest, AnEngineThatEndsInTheMiddleOfStartFailsTheStart) {
  for (const char* command : {"qmp_capabilities", "cont"}) {
    prepare(std::string("exit-on:") + command);
    const auto started = run_->start();
    ASSERT_FALSE(started.ok()) << command;
    EXPECT_NE(started.error().message().find("exit status 3"), std::string::npos)
        << started.error().message();
    EXPECT_EQ(run_->story(), "starting stopped engine_exited");
  }
}

TEST_F(QemuMachineTest, ARefusedOrGarbledStartEndsTheEngine) {
  for (const char* mode : {"refuse:cont", "refuse:qmp_capabilities", "garbage-on:cont"}) {
    prepare(mode);
    const auto started = run_->start();
    ASSERT_FALSE(started.ok()) << mode;
    EXPECT_EQ(started.error().code(), Code::kInternal) << started.error().message();
    EXPECT_EQ(run_->machine().state(), MachineState::kStopped);
    EXPECT_EQ(run_->machine().info().pid, 0);
  }
}

TEST_F(QemuMachineTest, AMuteEngineCanBeStopped) {
  prepare("mute");
  std::optional<Result<void>> started;
  run_->machine().start([&](Result<void> result) { started = std::move(result); });
  EXPECT_TRUE(run_->stop(StopMode::kForce).ok());
  ASSERT_TRUE(started && !started->ok());
  EXPECT_EQ(started->error().code(), Code::kCancelled);
}

TEST_F(QemuMachineTest, AnEngineThatEndsInsteadOfAnsweringIsACrash) {
  prepare("exit-on:stop");
  ASSERT_TRUE(run_->start().ok());
  const auto paused = run_->pause();
  ASSERT_FALSE(paused.ok());
  EXPECT_EQ(paused.error().code(), Code::kUnavailable);
  ASSERT_TRUE(run_->await_event(Kind::kEngineExited));
  EXPECT_EQ(run_->story(), "starting running crashed engine_exited");
}

TEST_F(QemuMachineTest, AnEngineWhoseMonitorBreaksIsEnded) {
  prepare("garbage-on:stop");
  ASSERT_TRUE(run_->start().ok());
  EXPECT_FALSE(run_->pause().ok());
  ASSERT_TRUE(run_->await_event(Kind::kEngineExited));
  EXPECT_EQ(run_->machine().state(), MachineState::kCrashed);
  EXPECT_NE(run_->events().back().text.find("not JSON"), std::string::npos);
}

TEST_F(QemuMachineTest, AnEngineDeafToQuitIsKilled) {
  prepare("deaf-on:quit");
  ASSERT_TRUE(run_->start().ok());
  EXPECT_TRUE(run_->stop(StopMode::kForce).ok());
  EXPECT_EQ(run_->machine().state(), MachineState::kStopped);
}

TEST_F(QemuMachineTest, AFullDiskPausesOnceSaysSoAndCanBeResumed) {
  prepare("enospc");
  ASSERT_TRUE(run_->start().ok());
  ASSERT_TRUE(run_->await_state(MachineState::kPaused));
  EXPECT_EQ(run_->count(Kind::kIoError), 1U);
  EXPECT_EQ(run_->story(), "starting running io_error paused");
  const MachineEvent& error = run_->events()[2];
  EXPECT_EQ(error.device, "root");
  EXPECT_EQ(error.fault, MachineEvent::Fault::kNoSpace);
  EXPECT_EQ(run_->machine().pause_reason(), "disk root: no space left on the host");
  EXPECT_TRUE(run_->resume().ok());
  EXPECT_TRUE(run_->machine().pause_reason().empty());
}

TEST_F(QemuMachineTest, APanicPausesAndTheConversationIsKept) {
  prepare("panic");
  ASSERT_TRUE(run_->start().ok());
  ASSERT_TRUE(run_->await_state(MachineState::kPaused));
  EXPECT_EQ(run_->story(), "starting running guest_panicked paused");
  EXPECT_EQ(run_->machine().pause_reason(), "the guest's kernel panicked");
  ASSERT_TRUE(run_->stop(StopMode::kForce).ok());
  ASSERT_TRUE(run_->await_event(Kind::kEngineExited));
  const auto& monitor = run_->events().back().monitor;
  const auto said = [&](std::string_view text) {
    return std::any_of(monitor.begin(), monitor.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(said("GUEST_PANICKED"));
  EXPECT_TRUE(said("\"quit\""));
}

TEST_F(QemuMachineTest, MemoryThatCannotFitIsRefusedWithTheCure) {
  prepare("");
  MachineSpec spec = run_->machine().spec();
  spec.memory_bytes = std::uint64_t{1} << 50U;
  MachineRun huge(*hypervisor_, spec);
  const auto started = huge.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), Code::kResourceExhausted);
  EXPECT_NE(started.error().hint_text().find("-memory"), std::string::npos);
}

}  // namespace
}  // namespace cove
