// A whole hand-over from one engine process to the next, by the fake and by real QEMU (TCG) with the tiny
// guest, which echoes its console: what is typed must come back once and in order, whoever had it when.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <fstream>

#include "base/files.h"
#include "base/io.h"
#include "hypervisor/state_capture.h"
#include "machine_fixture.h"
#include "net/frame_channel.h"
#include "test_machine.h"

namespace cove {
namespace {

struct HandOverSubject {
  std::string name;
  TestEngine engine;
  std::string greeting;
  std::string write_keys;
};
std::ostream& operator<<(std::ostream& out, const HandOverSubject& subject) { return out << subject.name; }

std::size_t waiting_in(int socket) {
  int bytes = 0;
  EXPECT_EQ(::ioctl(socket, FIONREAD, &bytes), 0);
  return static_cast<std::size_t>(bytes);
}

// Text without the keys that the guests obey, no two places of which are alike.
std::string text_from(std::size_t first, std::size_t bytes) {
  std::string text;
  for (std::size_t number = first; text.size() < bytes; ++number) text += std::to_string(number) + ' ';
  text.resize(bytes);
  return text;
}

class HandOverContract : public ::testing::TestWithParam<HandOverSubject> {
 protected:
  void SetUp() override {
    auto made = TestMachine::create(GetParam().engine);
    ASSERT_TRUE(made.ok()) << made.error().message();
    folder_.emplace(std::move(made->folder));
    hypervisor_ = std::move(made->hypervisor);
    spec_ = std::move(made->spec);
  }
  std::unique_ptr<MachineRun> boot() {
    auto run = std::make_unique<MachineRun>(*hypervisor_, spec_);
    EXPECT_TRUE(run->start().ok());
    EXPECT_TRUE(run->await_output(GetParam().greeting));
    EXPECT_TRUE(run->await_output("\n"));
    run->clear_output();
    return run;
  }
  // One that waits for a state, on the memory that everything began with.
  std::unique_ptr<MachineRun> waiting() {
    auto memory = duplicate(base_.get());
    EXPECT_TRUE(memory.ok());
    auto run = std::make_unique<MachineRun>(*hypervisor_, spec_, MachineOrigin{std::move(*memory)});
    EXPECT_TRUE(run->start().ok());
    return run;
  }
  static DeviceState save(MachineRun& run) {
    DeviceState state;
    EXPECT_TRUE(run.call([&](Done<void> done) { run.machine().states()->settle(std::move(done)); }).ok());
    const auto saved = run.call([&](Done<void> done) {
      run.machine().states()->save_devices(StateCapture::Disks::kLetGo,
                                           [&state, done = std::move(done)](Result<DeviceState> result) {
                                             if (!result.ok()) return done(std::move(result).error());
                                             state = std::move(*result);
                                             done({});
                                           });
    });
    EXPECT_TRUE(saved.ok()) << saved.error().message();
    return state;
  }
  static void load(MachineRun& from, MachineRun& to, const DeviceState& state) {
    const auto memory = from.machine().states()->memory();
    if (memory->mapping() == GuestMemory::Mapping::kPrivate) {
      const auto pages = memory->changed_pages();
      ASSERT_TRUE(pages.ok());
      for (const auto& run : *pages) {
        std::string bytes(run.count * kGuestPageBytes, '\0');
        ASSERT_TRUE(memory->read(run, bytes).ok());
        ASSERT_TRUE(to.machine().states()->memory()->write(run.first, bytes).ok());
      }
    }
    const auto loaded =
        to.call([&](Done<void> done) { to.machine().states()->load_devices(state, std::move(done)); });
    ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  }
  void remember_memory(MachineRun& run) {
    auto memory = duplicate(run.machine().states()->memory()->file());
    ASSERT_TRUE(memory.ok());
    base_ = std::move(*memory);
  }
  // The guest has filled the socket to us, so that it waits in the middle of what it prints.
  static void fill(MachineRun& run, const std::string& text) {
    run.stop_listening();
    run.type(text);
    ASSERT_TRUE(run.await([&] { return waiting_in(run.console()) >= 200; }));
  }

  std::optional<TempDir> folder_;
  std::unique_ptr<Hypervisor> hypervisor_;
  MachineSpec spec_;
  UniqueFd base_;
};

TEST_P(HandOverContract, NothingTypedOrPrintedIsLostOrDoubledOverFiveEngines) {
  auto now = boot();
  remember_memory(*now);
  std::string typed;
  std::string echoed;
  for (std::size_t engine = 0; engine < 5; ++engine) {
    const SocketEnds ends = now->machine().states()->take_engine_ends();
    const std::string some = text_from(10'000 * (engine + 1), 600);
    ASSERT_NO_FATAL_FAILURE(fill(*now, some));
    auto next = waiting();
    ASSERT_TRUE(now->pause().ok());
    const std::string more = text_from(10'000 * (engine + 1) + 5000, 150);
    now->type(more);  // into a machine that does not run
    typed += some + more;

    const std::string unread = take_unread(ends.console.get());
    EXPECT_GE(unread.size(), more.size() - 20) << "a UART that nobody reads holds little";
    const DeviceState state = save(*now);
    now->machine().states()->stand_still();
    ASSERT_NO_FATAL_FAILURE(load(*now, *next, state));
    const std::string said = take_unread(now->console());
    EXPECT_GE(said.size(), 200U);
    echoed += said;
    next->type(unread);
    ASSERT_TRUE(next->resume().ok());
    ASSERT_TRUE(now->stop(StopMode::kForce).ok());
    now = std::move(next);
    ASSERT_TRUE(now->await_output(more.substr(more.size() - 20)));
    echoed += now->output();
    now->clear_output();
  }
  EXPECT_EQ(echoed, typed);
}

TEST_P(HandOverContract, AMachineThatStoodStillGoesOn) {
  auto run = boot();
  remember_memory(*run);
  const SocketEnds ends = run->machine().states()->take_engine_ends();
  const std::string before = text_from(10'000, 1000);
  ASSERT_NO_FATAL_FAILURE(fill(*run, before));
  ASSERT_TRUE(run->pause().ok());
  const std::string unread = take_unread(ends.console.get());
  const DeviceState state = save(*run);
  run->machine().states()->stand_still();
  if (const pid_t pid = run->machine().info().pid; pid > 0) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    const std::string words{std::istreambuf_iterator<char>(stat), {}};
    EXPECT_EQ(words.substr(words.rfind(')') + 2, 1), "T") << words;
  }
  // Another one that has got as far as having the disk, and failed.
  auto other = waiting();
  ASSERT_NO_FATAL_FAILURE(load(*run, *other, state));
  ASSERT_TRUE(other->stop(StopMode::kForce).ok());
  // What it says while it stands still would be there when the rest is read.
  std::string echoed = take_unread(run->console());
  EXPECT_EQ(waiting_in(run->console()), 0U);

  run->machine().states()->go_on();
  EXPECT_EQ(run->machine().state(), MachineState::kPaused);
  const std::string after = text_from(20'000, 100);
  run->type(unread + after);
  ASSERT_TRUE(run->resume().ok());
  run->listen();
  ASSERT_TRUE(run->await_output(after));
  EXPECT_EQ(echoed + run->output(), before + after);
  run->clear_output();
  run->type(GetParam().write_keys);
  EXPECT_TRUE(run->await_output("W")) << "it has its disk again";
  // And it can be handed over all the same.
  auto next = waiting();
  ASSERT_TRUE(run->pause().ok());
  const DeviceState later = save(*run);
  run->machine().states()->stand_still();
  ASSERT_NO_FATAL_FAILURE(load(*run, *next, later));
  ASSERT_TRUE(next->resume().ok());
  next->type("so is it");
  EXPECT_TRUE(next->await_output("so is it"));
}

TEST_P(HandOverContract, AnEngineThatStandsStillTouchesNothing) {
  auto run = boot();
  const SocketEnds ends = run->machine().states()->take_engine_ends();
  ASSERT_NO_FATAL_FAILURE(fill(*run, text_from(10'000, 1000)));
  ASSERT_TRUE(run->pause().ok());
  save(*run);
  run->machine().states()->stand_still();
  const std::size_t unread = waiting_in(ends.console.get());
  static_cast<void>(take_unread(run->console()));  // there is room now
  run->type("more");
  const auto watched = Deadline::after(std::chrono::milliseconds(200));
  while (!watched.expired()) run->loop().run_one(std::chrono::milliseconds(10));
  EXPECT_EQ(waiting_in(run->console()), 0U);
  EXPECT_EQ(waiting_in(ends.console.get()), unread + 4);
  EXPECT_TRUE(run->stop(StopMode::kForce).ok());
}

TEST_P(HandOverContract, TheEnginesEndsAreHandedOutOnceAndHoldWhatIsUnread) {
  MachineRun run(*hypervisor_, spec_);
  const UniqueFd agent = run.machine().take_agent();
  const UniqueFd net = run.machine().take_net();
  SocketEnds ends = run.machine().states()->take_engine_ends();
  EXPECT_TRUE(ends.console && ends.agent);
  EXPECT_EQ(ends.net.valid(), net.valid());
  const SocketEnds again = run.machine().states()->take_engine_ends();
  EXPECT_FALSE(again.console || again.agent || again.net);
  ASSERT_TRUE(run.start().ok());
  ASSERT_TRUE(run.await_output(GetParam().greeting));
  // Nobody in the guest has opened the agent's port.
  ASSERT_EQ(::send(agent.get(), "half a frame", 12, MSG_NOSIGNAL), 12);
  run.type("x");
  ASSERT_TRUE(run.await_output("x"));
  EXPECT_EQ(take_unread(ends.agent.get()), "half a frame");
  EXPECT_EQ(take_unread(ends.agent.get()), "");
  // The host's end tells of the engine's end once nobody else has the other one.
  ASSERT_TRUE(run.stop(StopMode::kForce).ok());
  EXPECT_FALSE(peer_left(agent.get()));
  ends = {};
  EXPECT_TRUE(peer_left(agent.get()));
}

// The network's part, with the sockets that machines have: frames in the old socket, both ways, and in the
// queue behind the gate.
TEST(FrameHandOver, CarriesWhatIsInAMachinesSockets) {
  const auto made = TestMachine::create(TestEngine::kFake);
  ASSERT_TRUE(made.ok());
  auto old = MachineSockets::create(made->spec);
  auto fresh = MachineSockets::create(made->spec);
  ASSERT_TRUE(old.ok() && fresh.ok());
  FrameChannel channel({});
  channel.attach({std::move(old->host.net), std::move(old->spare.net)});
  const auto frame = [](int number, std::size_t bytes) {
    std::string text = std::to_string(number) + ' ';
    text.resize(bytes, 'x');
    return text;
  };
  const auto send = [&](const std::string& text) {
    channel.send({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  int sent = 0;
  while (!channel.wants_write()) send(frame(sent++, 60'000));
  EXPECT_GE(sent, 4) << "a socket holds some large frames";
  channel.close_gate();
  send(frame(sent++, 100));
  std::string first(65'536, '\0');
  const ssize_t read = ::recv(old->engine.net.get(), first.data(), first.size(), 0);
  ASSERT_EQ(read, 60'000);
  for (const std::string text : {"up 1", "up 2"})
    ASSERT_EQ(::send(old->engine.net.get(), text.data(), text.size(), 0), 4);

  std::string up;
  const auto swapped = channel.swap({std::move(fresh->host.net), std::move(fresh->spare.net)},
                                    [&](FrameView view) { up.append(view.begin(), view.end()); });
  ASSERT_TRUE(swapped.ok());
  EXPECT_EQ(up, "up 1up 2");
  channel.open_gate();
  for (int number = 1; number < sent; ++number) {
    std::string got(65'536, '\0');
    const ssize_t count = ::recv(fresh->engine.net.get(), got.data(), got.size(), MSG_DONTWAIT);
    ASSERT_GT(count, 0) << number;
    got.resize(static_cast<std::size_t>(count));
    EXPECT_TRUE(got == frame(number, number + 1 < sent ? 60'000 : 100)) << number;
    channel.flush();
  }
  EXPECT_EQ(channel.counters().dropped_out, 0U);
}

INSTANTIATE_TEST_SUITE_P(Backends, HandOverContract,
                         ::testing::Values(HandOverSubject{"fake", TestEngine::kFake, "fake guest",
                                                           "\nwrite\n"},
                                           HandOverSubject{"qemu", TestEngine::kQemu, "tiny guest", "w"}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace cove
