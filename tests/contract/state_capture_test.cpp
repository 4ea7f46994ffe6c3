// The promises of hypervisor/state_capture.h, held by the fake and by real QEMU (TCG) with the tiny guest.
// The latter's code is in memory only, so a machine that answers has that memory, and its processor and UART
// are where they were.
#include <fcntl.h>

#include "base/files.h"
#include "base/io.h"
#include "disk/disk_image.h"
#include "hypervisor/state_capture.h"
#include "machine_fixture.h"
#include "test_machine.h"

namespace cove {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kSomePage = 100;  // that neither guest uses

// One way to run machines, and what its test guest calls things. Keys that the tiny guest obeys: p, r, w.
struct CaptureSubject {
  std::string name;
  std::string greeting;
  std::string write_keys;
  bool real;
};
std::ostream& operator<<(std::ostream& out, const CaptureSubject& subject) { return out << subject.name; }

class StateCaptureContract : public testing::TestWithParam<CaptureSubject> {
 protected:
  void SetUp() override {
    auto made = TestMachine::create(GetParam().real ? TestEngine::kQemu : TestEngine::kFake);
    ASSERT_TRUE(made.ok()) << made.error().message();
    folder_.emplace(std::move(made->folder));
    hypervisor_ = std::move(made->hypervisor);
    spec_ = std::move(made->spec);
  }

  std::unique_ptr<MachineRun> boot() {
    auto run = std::make_unique<MachineRun>(*hypervisor_, spec_);
    EXPECT_TRUE(run->start().ok());
    EXPECT_TRUE(run->await_output(GetParam().greeting));
    return run;
  }
  static Result<DeviceState> save(MachineRun& run) {
    DeviceState state;
    COVE_TRY(run.call([&](Done<void> done) {
      run.machine().states()->save_devices(StateCapture::Disks::kLetGo,
                                           [&state, done = std::move(done)](Result<DeviceState> saved) {
                                             if (!saved.ok()) return done(std::move(saved).error());
                                             state = std::move(*saved);
                                             done({});
                                           });
    }));
    return state;
  }
  static Result<void> load(MachineRun& run, const DeviceState& state) {
    return run.call([&](Done<void> done) { run.machine().states()->load_devices(state, std::move(done)); });
  }
  static void expect_answers(MachineRun& run, std::string_view text) {
    run.clear_output();
    run.type(text);
    EXPECT_TRUE(run.await_output(text));
  }
  // A machine that waits for a state of another one, whose memory it maps.
  std::unique_ptr<MachineRun> waiting_for(MachineRun& other) {
    auto memory = duplicate(other.machine().states()->memory()->file());
    EXPECT_TRUE(memory.ok());
    auto run = std::make_unique<MachineRun>(*hypervisor_, spec_, MachineOrigin{std::move(*memory)});
    const auto started = run->start();
    EXPECT_TRUE(started.ok()) << started.error().message();
    EXPECT_EQ(run->machine().state(), MachineState::kPaused);
    return run;
  }

  std::optional<TempDir> folder_;
  std::unique_ptr<Hypervisor> hypervisor_;
  MachineSpec spec_;
};

TEST_P(StateCaptureContract, AnotherMachineGoesOnWhereTheFirstOneWasStopped) {
  auto first = boot();
  expect_answers(*first, "abc");
  auto second = waiting_for(*first);
  ASSERT_TRUE(first->pause().ok());
  const auto state = save(*first);
  ASSERT_TRUE(state.ok()) << state.error().message();
  EXPECT_FALSE(state->blob.empty());
  first->machine().states()->stand_still();
  ASSERT_TRUE(load(*second, *state).ok());
  EXPECT_EQ(second->machine().state(), MachineState::kPaused);
  ASSERT_TRUE(second->resume().ok());
  expect_answers(*second, "xyz");
  EXPECT_TRUE(first->stop(StopMode::kForce).ok());
  expect_answers(*second, "still");
  EXPECT_TRUE(second->stop(StopMode::kForce).ok());
  EXPECT_EQ(second->story(), "starting paused running stopped engine_exited");
}

TEST_P(StateCaptureContract, WhatAChildChangesIsItsOwnAndGoesToItsOwnChildren) {
  auto first = boot();
  ASSERT_TRUE(first->pause().ok());
  const auto state = save(*first);
  ASSERT_TRUE(state.ok());
  auto base_memory = first->machine().states()->memory();
  auto& base = *base_memory;
  EXPECT_EQ(base.mapping(), GuestMemory::Mapping::kShared);
  const std::string old(kPage, 'o');
  ASSERT_TRUE(base.write(kSomePage, old).ok());

  auto child = waiting_for(*first);
  ASSERT_TRUE(load(*child, *state).ok());
  ASSERT_TRUE(child->resume().ok());
  expect_answers(*child, "child");
  ASSERT_TRUE(child->pause().ok());
  const auto child_state = save(*child);
  ASSERT_TRUE(child_state.ok());
  auto child_memory = child->machine().states()->memory();
  auto& memory = *child_memory;
  EXPECT_EQ(memory.mapping(), GuestMemory::Mapping::kPrivate);
  std::string seen(kPage, '\0');
  ASSERT_TRUE(memory.read({kSomePage, 1}, seen).ok());
  EXPECT_TRUE(seen == old);
  ASSERT_TRUE(memory.write(kSomePage, std::string(kPage, 'n')).ok());
  const auto pages = memory.changed_pages();
  ASSERT_TRUE(pages.ok());
  ASSERT_FALSE(pages->empty());
  EXPECT_LT(pages->size(), 100U);
  ASSERT_TRUE(base.read({kSomePage, 1}, seen).ok());
  EXPECT_TRUE(seen == old) << "the file is what it was";

  auto grandchild = waiting_for(*first);
  for (const auto& run : *pages) {
    std::string bytes(run.count * kPage, '\0');
    ASSERT_TRUE(memory.read(run, bytes).ok());
    ASSERT_TRUE(grandchild->machine().states()->memory()->write(run.first, bytes).ok());
  }
  ASSERT_TRUE(load(*grandchild, *child_state).ok());
  ASSERT_TRUE(grandchild->resume().ok());
  expect_answers(*grandchild, "and its son");
  ASSERT_TRUE(grandchild->pause().ok());
  ASSERT_TRUE(grandchild->machine().states()->memory()->read({kSomePage, 1}, seen).ok());
  EXPECT_TRUE(seen == std::string(kPage, 'n'));
  EXPECT_TRUE(grandchild->stop(StopMode::kForce).ok());  // they have the same disk, which one may write to
  ASSERT_TRUE(child->resume().ok());
  expect_answers(*child, "still the child");
}

TEST_P(StateCaptureContract, TheScreenIsPartOfTheState) {
  auto first = boot();
  auto second = waiting_for(*first);
  ASSERT_TRUE(first->pause().ok());
  const auto state = save(*first);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->video.empty(), !GetParam().real);  // the firmware wrote to the screen
  first->machine().states()->stand_still();
  ASSERT_TRUE(load(*second, *state).ok());
  const auto again = save(*second);
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again->video.size(), state->video.size());
  for (std::size_t i = 0; i < state->video.size(); ++i) {
    EXPECT_EQ(again->video[i].first, state->video[i].first);
    EXPECT_EQ(again->video[i].bytes, state->video[i].bytes);
  }
}

TEST_P(StateCaptureContract, ASwitchedDiskIsNotWrittenToAnyMore) {
  const auto base = DiskImage::open(folder_->path() / "disk", DiskFormat::kRaw);
  ASSERT_TRUE(base.ok());
  const auto first = folder_->path() / "first";
  const auto overlay = base->overlay_at(first);
  ASSERT_TRUE(overlay.ok());
  const auto second = folder_->path() / "second";
  ASSERT_TRUE(overlay->overlay_at(second).ok());
  auto run = boot();
  const std::string before = *read_file(folder_->path() / "disk");
  for (const auto& next : {first, second}) {
    ASSERT_TRUE(run->pause().ok());
    const auto allocated = *allocated_bytes(next);
    const auto switched = run->call(
        [&](Done<void> done) { run->machine().states()->switch_disk("root", next, std::move(done)); });
    ASSERT_TRUE(switched.ok()) << switched.error().message();
    ASSERT_TRUE(run->resume().ok());
    run->clear_output();
    run->type(GetParam().write_keys);
    EXPECT_TRUE(run->await_output("W"));
    EXPECT_GT(*allocated_bytes(next), allocated);
  }
  EXPECT_TRUE(*read_file(folder_->path() / "disk") == before);
  ASSERT_TRUE(run->pause().ok());
  const auto missing = run->call([&](Done<void> done) {
    run->machine().states()->switch_disk("root", folder_->path() / "missing", std::move(done));
  });
  EXPECT_FALSE(missing.ok());
  ASSERT_TRUE(run->resume().ok());
  expect_answers(*run, "goes on");
}

TEST_P(StateCaptureContract, IsRefusedWhileTheGuestRuns) {
  auto run = boot();
  const auto refused = save(*run);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  expect_answers(*run, "goes on");
}

TEST_P(StateCaptureContract, ABrokenStateEndsTheMachineWithWords) {
  auto first = boot();
  ASSERT_TRUE(first->pause().ok());
  auto state = save(*first);
  ASSERT_TRUE(state.ok());
  state->blob.resize(state->blob.size() / 2);
  auto second = waiting_for(*first);
  const auto loaded = load(*second, *state);
  ASSERT_FALSE(loaded.ok());
  EXPECT_FALSE(loaded.error().message().empty());
  ASSERT_TRUE(first->resume().ok());
  expect_answers(*first, "not hit");
}

INSTANTIATE_TEST_SUITE_P(Backends, StateCaptureContract,
                         testing::Values(CaptureSubject{"fake", "fake guest", "write\n", false},
                                         CaptureSubject{"qemu", "tiny guest", "w", true}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace cove
