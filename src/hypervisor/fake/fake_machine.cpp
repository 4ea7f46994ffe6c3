#include "hypervisor/fake/fake_machine.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/io.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kMaxUnprinted = 256U << 10U;
constexpr std::size_t kMaxTyped = 4096;

}  // namespace

FakeMachine::FakeMachine(EventLoop& loop, MachineSpec spec, MachineOrigin origin, FakeOptions options,
                         std::shared_ptr<FakeCommons> commons, MachineSockets sockets)
    : loop_(loop),
      spec_(std::move(spec)),
      options_(std::move(options)),
      commons_(std::move(commons)),
      sockets_(std::move(sockets)),
      origin_(std::move(origin)),
      from_state_(origin_.memory.valid()),
      states_({.loop = loop,
               .state = [this] { return state_; },
               .fails = [this](const char* call) { return fails(call); },
               .save_terminal =
                   [this] {
                     return FakeTerminal{typed_, unprinted_};
                   },
               .load_terminal =
                   [this](FakeTerminal terminal) {
                     typed_ = std::move(terminal.typed);
                     unprinted_ = std::move(terminal.unprinted);
                   },
               .stillness_changed =
                   [this] {
                     settle_console();
                     settle_guest();
                   }},
              spec_, std::move(sockets_.spare)) {}

FakeMachine::~FakeMachine() {
  *alive_ = false;
  drop_guest();
  answer_all(Error(Code::kCancelled, "the machine is gone"));
}

MachineInfo FakeMachine::info() const {
  MachineInfo info;
  info.backend = "fake";
  info.accel = spec_.accel;
  info.started_at = started_at_;
  return info;
}

Registration FakeMachine::on_event(std::function<void(const MachineEvent&)> listener) {
  return events_.add(std::move(listener));
}

// --- calls -------------------------------------------------------------------------------------------------

void FakeMachine::later(std::string name, Done<void> done, std::function<void()> act) {
  const std::uint64_t id = next_call_++;
  calls_[id] = {std::move(name), std::move(done), std::move(act), {}};
  calls_[id].timer = loop_.after(options_.latency, [this, id] { answer(id); });
}

bool FakeMachine::fails(const std::string& name) {
  const std::uint32_t number = ++commons_->call_counts[name];
  return name == options_.fail && number >= options_.fail_from;
}

void FakeMachine::answer(std::uint64_t id) {
  auto node = calls_.extract(id);
  if (node.empty()) return;
  const Call call = std::move(node.mapped());
  if (fails(call.name)) {
    if (call.name == "start") end(MachineState::kStopped, "the fake engine did not start", {});
    return call.done(Error(Code::kUnavailable, "fake: " + call.name + " fails as it was told to"));
  }
  call.act();
  call.done({});
}

void FakeMachine::answer_all(const Error& error) {
  for (auto& [id, call] : std::exchange(calls_, {})) call.done(error);
}

Error FakeMachine::wrong_state(std::string_view what) const {
  return Error(Code::kFailedPrecondition,
               "cannot " + std::string(what) + ": the VM is " + std::string(to_string(state_)));
}

void FakeMachine::start(Done<void> done) {
  COVE_CHECK(loop_.in_loop_thread());
  if (std::exchange(started_, true)) {
    return loop_.post([done = std::move(done), error = wrong_state("start")] { done(error); });
  }
  if (auto begun = states_.begin(std::move(origin_.memory), spec_.memory_bytes); !begun.ok()) {
    return loop_.post([done = std::move(done), begun = std::move(begun)] { done(begun); });
  }
  later("start", std::move(done), [this] { boot(); });
  set_state(MachineState::kStarting, "");
}

void FakeMachine::pause(Done<void> done) {
  if (state_ != MachineState::kRunning && state_ != MachineState::kPaused) {
    return loop_.post([done = std::move(done), error = wrong_state("pause")] { done(error); });
  }
  later("pause", std::move(done), [this] { set_state(MachineState::kPaused, ""); });
}

void FakeMachine::resume(Done<void> done) {
  if (state_ != MachineState::kRunning && state_ != MachineState::kPaused) {
    return loop_.post([done = std::move(done), error = wrong_state("resume")] { done(error); });
  }
  later("resume", std::move(done), [this] {
    pause_reason_.clear();
    set_state(MachineState::kRunning, "");
    if (from_state_ && !std::exchange(went_on_, true)) continue_guest();
  });
}

void FakeMachine::stop(StopMode mode, Done<void> done) {
  const bool runs = state_ == MachineState::kRunning || state_ == MachineState::kPaused;
  if (mode == StopMode::kForce) {
    if (!started_ || ended_) return loop_.post([done = std::move(done)] { done({}); });
    return later("stop", std::move(done), [this] {
      if (!ended_) end(MachineState::kStopped, "the fake engine was told to quit", {});
    });
  }
  if (!runs) {
    return loop_.post(
        [done = std::move(done), error = wrong_state("press the power button")] { done(error); });
  }
  later("stop", std::move(done), [this] { press_power_button(); });
}

// --- the guest ---

void FakeMachine::boot() {
  started_at_ = std::chrono::system_clock::now();
  if (sockets_.engine.console) {
    COVE_CHECK(set_nonblocking(sockets_.engine.console.get()).ok());
  }
  if (options_.crash_after) crash_timer_ = loop_.after(*options_.crash_after, [this] { obey("crash"); });
  if (from_state_) return set_state(MachineState::kPaused, "");
  set_state(MachineState::kRunning, "");
  boot_guest();
}

void FakeMachine::boot_guest() {
  for (const auto& line : options_.boot_lines) print(line + "\r\n");
  hears_from_ = std::chrono::steady_clock::now() + options_.deaf_for;
  guest_.reset();
  if (!options_.guest || !options_.has_agent) return;
  if (options_.agent_after.count() == 0) return start_agent();
  agent_timer_ = loop_.after(options_.agent_after, [this] { start_agent(); });
}

FakeGuestPorts FakeMachine::guest_ports() {
  FakeGuestPorts ports;
  if (sockets_.engine.agent) {
    // A copy: a guest that reboots opens its port anew.
    auto agent = duplicate(sockets_.engine.agent.get());
    COVE_CHECK(agent.ok());
    ports.agent = std::move(*agent);
  }
  if (sockets_.engine.net) {
    auto net = duplicate(sockets_.engine.net.get());
    COVE_CHECK(net.ok());
    ports.net = std::move(*net);
  }
  ports.power_off = posted(&FakeMachine::switched_off);
  ports.reboot = posted(&FakeMachine::reboot);
  return ports;
}

void FakeMachine::start_agent() { guest_ = options_.guest(guest_ports()); }

// What was saved has booted already: it is handed over by a machine that stands still, or else a new one that
// knows of nothing.
void FakeMachine::continue_guest() {
  auto held = commons_->held_guests.extract(states_.serial());
  if (!held.empty()) {
    guest_ = std::move(held.mapped().guest);
    guest_->move_to(guest_ports());
  } else if (options_.guest && options_.has_agent) {
    start_agent();
  }
}

void FakeMachine::settle_guest() {
  if (states_.stands_still()) {
    if (guest_ == nullptr) return;
    guest_->hold();
    commons_->held_guests[states_.serial()] = {this, std::move(guest_)};
  } else if (const auto held = find_held_guest(); held != commons_->held_guests.end()) {
    guest_ = std::move(held->second.guest);
    commons_->held_guests.erase(held);
    guest_->go_on();
  }
}

void FakeMachine::drop_guest() {
  if (const auto held = find_held_guest(); held != commons_->held_guests.end())
    commons_->held_guests.erase(held);
  guest_.reset();
}

std::map<std::string, FakeCommons::HeldGuest>::iterator FakeMachine::find_held_guest() {
  return std::find_if(commons_->held_guests.begin(), commons_->held_guests.end(),
                      [this](const auto& entry) { return entry.second.by == this; });
}

std::function<void()> FakeMachine::posted(void (FakeMachine::*switch_pressed)()) {
  // alive is read on the loop only; loop_ outlives the guest's threads, which end with the machine.
  return [this, &loop = loop_, alive = alive_, switch_pressed] {
    loop.post([this, alive, switch_pressed] {
      if (*alive && !ended_) (this->*switch_pressed)();
    });
  };
}

void FakeMachine::press_power_button() {
  if (ended_) return;
  pause_reason_.clear();
  set_state(MachineState::kRunning, "");
  if (options_.power_button == FakeOptions::PowerButton::kIgnored) return print("power button ignored\r\n");
  if (std::chrono::steady_clock::now() < hears_from_ || power_timer_) return;
  power_timer_ = loop_.after(options_.latency, [this] { switched_off(); });
}

void FakeMachine::power_off(std::string reason) {
  if (ended_) return;
  print("reboot: Power down\r\n");
  events_.emit({.kind = MachineEvent::Kind::kGuestShutdown, .state = state_, .text = std::move(reason)});
  end(MachineState::kStopped, "the fake engine ended", {});
}

void FakeMachine::reboot() {
  events_.emit({.kind = MachineEvent::Kind::kGuestReset, .state = state_, .text = "guest-reset"});
  boot_guest();
}

void FakeMachine::io_error() {
  const DeviceSpec* disk = spec_.find(DeviceKind::kDisk);
  const std::string device = disk == nullptr ? "root" : disk->id;
  pause_reason_ = "disk " + device + ": no space left on the host";
  events_.emit({.kind = MachineEvent::Kind::kIoError,
                .state = state_,
                .text = pause_reason_,
                .device = device,
                .fault = MachineEvent::Fault::kNoSpace});
  set_state(MachineState::kPaused, pause_reason_);
}

void FakeMachine::end(MachineState state, std::string text, std::vector<std::string> evidence) {
  ended_ = true;
  drop_guest();
  power_timer_.reset();
  crash_timer_.reset();
  agent_timer_.reset();
  flush_console();
  console_input_.reset();
  console_output_.reset();
  sockets_.engine = {};
  states_.engine_gone();
  pause_reason_.clear();
  const std::string why = state == MachineState::kCrashed ? text : "";
  set_state(state, why);
  events_.emit({.kind = MachineEvent::Kind::kEngineExited,
                .state = state,
                .text = std::move(text),
                .evidence = std::move(evidence),
                .monitor = {"< the fake engine's last message"}});
  for (auto& [id, call] : std::exchange(calls_, {})) {
    if (call.name == "stop") {
      call.done({});
    } else {
      call.done(
          Error(call.name == "start" ? Code::kCancelled : Code::kUnavailable, "the fake engine has ended"));
    }
  }
}

void FakeMachine::set_state(MachineState state, std::string text) {
  if (state == state_) return;
  state_ = state;
  settle_console();
  events_.emit({.kind = MachineEvent::Kind::kStateChanged, .state = state, .text = std::move(text)});
}

// --- the console ---

// A guest that does not run reads nothing, and an engine that stands still writes nothing either.
void FakeMachine::settle_console() {
  if (!sockets_.engine.console) return;
  if (state_ != MachineState::kRunning) {
    console_input_.reset();
  } else if (!console_input_) {
    console_input_ = loop_.watch(sockets_.engine.console.get(), Ready::kRead, [this] { read_console(); });
  }
  console_output_.reset();
  flush_console();
}

void FakeMachine::read_console() {
  std::array<char, 1024> buffer;
  const ssize_t count = ::recv(sockets_.engine.console.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return console_input_.reset();
  for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(count))) {
    if (ended_) return;
    if (c == '\r' || c == '\n') {
      print("\r\n");
      obey(std::exchange(typed_, {}));
    } else if (typed_.size() < kMaxTyped) {
      typed_.push_back(c);
      print({&c, 1});
    }
  }
}

void FakeMachine::obey(const std::string& line) {
  if (line == "poweroff") return switched_off();
  if (line == "reboot") return reboot();
  if (line == "enospc") return io_error();
  if (line == "write")
    return print(states_.write_disk("written\n").ok() ? "W\r\n" : "the disk is broken\r\n");
  if (line.starts_with("poke ")) return poke(split(line, ' '));
  if (line.starts_with("look ")) {
    return print(line.substr(5) + ": " + states_.describe().value_or("the memory is broken") + " .\r\n");
  }
  if (line == "crash") {
    return end(MachineState::kCrashed, "the fake engine crashed", {"fake: crashed as it was told to"});
  }
  if (line == "panic") {
    print("[    1.000000] Kernel panic - not syncing: fake: panicked as it was told to\r\n");
    pause_reason_ = "the guest's kernel panicked";
    events_.emit({.kind = MachineEvent::Kind::kGuestPanicked, .state = state_, .text = pause_reason_});
    set_state(MachineState::kPaused, pause_reason_);
  }
}

void FakeMachine::poke(const std::vector<std::string_view>& words) {
  const auto page = words.size() == 3 ? parse_u64(words[1]) : std::nullopt;
  const bool done = page && *page < FakeStates::kWatchedPages &&
                    states_.write_page(static_cast<std::uint32_t>(*page), words[2]).ok();
  print(done ? "P\r\n" : "poke PAGE WORD\r\n");
}

void FakeMachine::print(std::string_view text) {
  if (!sockets_.engine.console || unprinted_.size() > kMaxUnprinted) return;
  unprinted_ += text;
  if (!console_output_) flush_console();
}

void FakeMachine::flush_console() {
  if (states_.stands_still()) return;
  while (!unprinted_.empty()) {
    const ssize_t count = ::send(sockets_.engine.console.get(), unprinted_.data(), unprinted_.size(),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      unprinted_.erase(0, static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      if (!console_output_ && !ended_) {
        console_output_ =
            loop_.watch(sockets_.engine.console.get(), Ready::kWrite, [this] { flush_console(); });
      }
      return;
    } else if (errno != EINTR) {
      unprinted_.clear();
    }
  }
  console_output_.reset();
}

}  // namespace cove
