#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/io.h"
#include "base/thread.h"
#include "hypervisor/fake/fake_hypervisor.h"
#include "hypervisor/state_capture.h"

namespace cove {
namespace {

using Kind = MachineEvent::Kind;

class FakeMachineTest : public testing::Test {
 protected:
  void make(FakeOptions options) {
    loop_->run_one(std::chrono::milliseconds(0));
    if (!hypervisor_) hypervisor_ = make_fake_hypervisor(std::move(options));
    VmConfig config;
    config.mac = "52:54:00:00:00:01";
    auto spec = hypervisor_->plan(config, {.root_disk = "/d"});
    ASSERT_TRUE(spec.ok());
    auto machine = hypervisor_->create(*loop_, std::move(*spec), {});
    ASSERT_TRUE(machine.ok());
    machine_ = std::move(*machine);
    listener_ = machine_->on_event([this](const MachineEvent& event) { events_.push_back(event); });
    console_ = machine_->take_console();
  }
  void await(const std::function<bool()>& condition) {
    const auto limit = Deadline::after(std::chrono::seconds(5));
    while (!condition() && !limit.expired()) loop_->run_one(std::chrono::milliseconds(10));
    ASSERT_TRUE(condition());
  }
  bool start() {
    std::optional<bool> ok;
    machine_->start([&](const Result<void>& result) { ok = result.ok(); });
    await([&] { return ok.has_value(); });
    return ok.value_or(false);
  }
  void type(std::string_view text) {
    ASSERT_EQ(::send(console_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  std::unique_ptr<EventLoop> loop_ = make_event_loop();
  std::unique_ptr<Hypervisor> hypervisor_;
  std::vector<MachineEvent> events_;
  std::unique_ptr<Machine> machine_;
  Registration listener_;
  UniqueFd console_;
};

TEST_F(FakeMachineTest, FailsTheCallItIsToldTo) {
  make({.fail = "start", .fail_from = 2});
  EXPECT_TRUE(start());
  make({});  // the next machine of the same hypervisor
  EXPECT_FALSE(start());
  EXPECT_EQ(machine_->state(), MachineState::kStopped);
}

TEST_F(FakeMachineTest, AFullDiskPausesAndResumes) {
  make({});
  ASSERT_TRUE(start());
  type("enospc\n");
  await([&] { return machine_->state() == MachineState::kPaused; });
  EXPECT_EQ(machine_->pause_reason(), "disk root: no space left on the host");
  bool resumed = false;
  machine_->resume([&](const Result<void>& result) { resumed = result.ok(); });
  await([&] { return resumed; });
  EXPECT_TRUE(machine_->pause_reason().empty());
}

TEST_F(FakeMachineTest, CrashesByItselfWhenToldTo) {
  make({.crash_after = std::chrono::milliseconds(1)});
  ASSERT_TRUE(start());
  await([&] { return machine_->state() == MachineState::kCrashed; });
  EXPECT_EQ(events_.back().kind, Kind::kEngineExited);
  EXPECT_FALSE(events_.back().evidence.empty());
}

TEST_F(FakeMachineTest, AnIgnoredPowerButtonLeavesItRunning) {
  make({.power_button = FakeOptions::PowerButton::kIgnored});
  ASSERT_TRUE(start());
  bool pressed = false;
  machine_->stop(StopMode::kRequest, [&](const Result<void>& result) { pressed = result.ok(); });
  await([&] { return pressed; });
  while (loop_->run_one(std::chrono::milliseconds(5))) {
  }
  EXPECT_EQ(machine_->state(), MachineState::kRunning);
}

// Software in the guest: echoes one message and powers off, on a thread of its own.
class EchoGuest final : public FakeGuest {
 public:
  explicit EchoGuest(FakeGuestPorts ports) : ports_(std::move(ports)), thread_("guest", [this] { work(); }) {}
  ~EchoGuest() override { stop_.cancel(); }
  void hold() override { FAIL() << "it is never handed over"; }
  void go_on() override { hold(); }
  void move_to(FakeGuestPorts) override { hold(); }

 private:
  void work() {
    const OpContext ctx{stop_.token(), Deadline::after(std::chrono::seconds(5))};
    std::array<char, 4> bytes{};
    if (!read_exact(ctx, ports_.agent.get(), bytes).ok()) return;
    if (!write_all(ctx, ports_.agent.get(), {bytes.data(), bytes.size()}).ok()) return;
    ports_.power_off();
  }
  CancelSource stop_;
  FakeGuestPorts ports_;
  Thread thread_;
};

TEST_F(FakeMachineTest, RunsSoftwareInItsGuest) {
  FakeOptions options;
  options.guest = [](FakeGuestPorts ports) { return std::make_unique<EchoGuest>(std::move(ports)); };
  make(std::move(options));
  const UniqueFd agent = machine_->take_agent();
  ASSERT_TRUE(start());
  ASSERT_EQ(::send(agent.get(), "ping", 4, MSG_NOSIGNAL), 4);
  await([&] { return machine_->state() == MachineState::kStopped; });
  std::array<char, 16> bytes{};
  EXPECT_EQ(::recv(agent.get(), bytes.data(), bytes.size(), MSG_DONTWAIT), 4);
  EXPECT_EQ(events_.back().kind, Kind::kEngineExited);
}

// Software that tells what is done to it, and greets at each port that it gets.
class MovingGuest final : public FakeGuest {
 public:
  MovingGuest(FakeGuestPorts ports, std::string& story) : story_(story) { greet(std::move(ports)); }
  ~MovingGuest() override { story_ += " over"; }
  void hold() override { story_ += " held"; }
  void go_on() override { story_ += " on"; }
  void move_to(FakeGuestPorts ports) override {
    story_ += " moved";
    greet(std::move(ports));
  }

 private:
  void greet(FakeGuestPorts ports) {
    ports_ = std::move(ports);
    EXPECT_EQ(::send(ports_.agent.get(), "hi", 2, MSG_NOSIGNAL), 2);
  }
  std::string& story_;
  FakeGuestPorts ports_;
};

TEST_F(FakeMachineTest, SoftwareInItsGuestIsHandedOverWithIt) {
  std::string story = "made";
  FakeOptions options;
  options.guest = [&](FakeGuestPorts ports) {
    return std::make_unique<MovingGuest>(std::move(ports), story);
  };
  make(std::move(options));
  ASSERT_TRUE(start());
  const auto call = [this](auto&& function) {
    bool done = false;
    function([&done](const auto& result) { done = result.ok(); });
    await([&done] { return done; });
  };
  DeviceState state;
  call([&](auto done) { machine_->pause(done); });
  call([&](auto done) {
    machine_->states()->save_devices(StateCapture::Disks::kKept, [&state, done](Result<DeviceState> saved) {
      state = *saved;
      done(Result<void>());
    });
  });
  machine_->states()->stand_still();
  machine_->states()->go_on();
  machine_->states()->stand_still();
  EXPECT_EQ(story, "made held on held");

  auto memory = duplicate(machine_->states()->memory()->file());
  ASSERT_TRUE(memory.ok());
  auto next = hypervisor_->create(*loop_, machine_->spec(), MachineOrigin{std::move(*memory)});
  ASSERT_TRUE(next.ok());
  const UniqueFd agent = (*next)->take_agent();
  call([&](auto done) { (*next)->start(done); });
  call([&](auto done) { (*next)->states()->load_devices(state, done); });
  call([&](auto done) { (*next)->resume(done); });
  std::array<char, 16> bytes{};
  EXPECT_EQ(::recv(agent.get(), bytes.data(), bytes.size(), MSG_DONTWAIT), 2);
  call([&](auto done) { machine_->stop(StopMode::kForce, done); });
  machine_.reset();
  EXPECT_EQ(story, "made held on held moved");
  call([&](auto done) { (*next)->stop(StopMode::kForce, done); });
  EXPECT_EQ(story, "made held on held moved over");
}

TEST(FakeOptions, AreReadStrictly) {
  const auto options = FakeOptions::from_json(*Json::parse(
      R"({"latency_ms":5,"fail":"pause","fail_from":2,"crash_after_ms":7,"power_button":"ignored","boot_lines":["a"]})"));
  ASSERT_TRUE(options.ok()) << options.error().message();
  EXPECT_EQ(options->latency.count(), 5);
  EXPECT_EQ(options->fail, "pause");
  EXPECT_EQ(options->crash_after->count(), 7);
  EXPECT_EQ(options->power_button, FakeOptions::PowerButton::kIgnored);
  EXPECT_EQ(options->boot_lines, std::vector<std::string>{"a"});
  for (const char* wrong :
       {R"({"latency":5})", R"({"latency_ms":-5})", R"({"power_button":"x"})", R"({"fail":1})"}) {
    EXPECT_FALSE(FakeOptions::from_json(*Json::parse(wrong)).ok()) << wrong;
  }
}

}  // namespace
}  // namespace cove
