#include "supervisor/vm_power.h"

#include "base/check.h"
#include "base/log.h"
#include "format/duration.h"

namespace cove {
namespace {

// How long an agent that took the wish may leave the guest running before the power button is tried too.
constexpr int kButtonShare = 2;
// A kernel or a systemd that is still booting loses a button that is pressed.
constexpr auto kAskAgain = std::chrono::seconds(2);
constexpr std::string_view kAsAsked = "as asked";

}  // namespace

VmPower::VmPower(EventLoop& loop, Hypervisor& hypervisor, MachineSpec spec, Surroundings& surroundings)
    : loop_(loop), hypervisor_(hypervisor), spec_(std::move(spec)), surroundings_(surroundings) {}

VmPower::~VmPower() = default;

MachineState VmPower::state() const {
  if (held_) return *held_;
  if (machine_ == nullptr) return boot_again_ ? MachineState::kStarting : MachineState::kStopped;
  if (starting_) return MachineState::kStarting;
  return machine_->state();
}

std::string VmPower::reason() const {
  if (given_up_) return *given_up_;
  if (stop_ && stop_->request.manner != StopRequest::Manner::kForce) {
    const auto left = stop_->force_at - std::chrono::steady_clock::now();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    return "is being stopped (asked; by force in " + std::to_string(seconds < 0 ? 0 : seconds) + " s)";
  }
  if (stop_) return "is being stopped by force";
  if (reboot_ || boot_again_) return "is being restarted";
  return machine_ == nullptr ? std::string() : machine_->pause_reason();
}

void VmPower::later(Done<void> done, Result<void> result) {
  if (!done) return;
  loop_.post([done = std::move(done), result = std::move(result)] { done(result); });
}

Error VmPower::wrong_state(const char* what) const {
  return Error(Code::kFailedPrecondition,
               std::string("cannot ") + what + " VM in state: " + std::string(to_string(state())));
}

Result<void> VmPower::make_machine(MachineSpec spec, MachineOrigin origin, Arrival arrival) {
  machine_ = COVE_TRY(hypervisor_.create(loop_, std::move(spec), std::move(origin)));
  listen();
  return surroundings_.wire(*machine_, arrival);
}

void VmPower::listen() {
  listener_ = machine_->on_event([this](const MachineEvent& event) { on_event(event); });
}

void VmPower::start(Done<void> done) { boot(std::move(done)); }

void VmPower::boot(Done<void> done) {
  starting_ = true;
  if (auto made = make_machine(spec_, {}, Arrival::kBooted); !made.ok()) {
    starting_ = false;
    return later(std::move(done), std::move(made));
  }
  machine_->start([this, done = std::move(done)](Result<void> started) {
    starting_ = false;
    done(std::move(started));
  });
}

void VmPower::start_from(PowerOrigin origin, Done<void> done) {
  starting_ = true;
  auto finished = [this, done = std::move(done)](Result<void> result) {
    starting_ = false;
    done(std::move(result));
  };
  auto made = make_machine(std::move(origin.spec), MachineOrigin{std::move(origin.memory)}, origin.arrival);
  if (!made.ok()) return later(std::move(finished), std::move(made));
  auto rest = std::make_shared<PowerOrigin>(std::move(origin));
  machine_->start([this, finished, rest](Result<void> waits) {
    if (!waits.ok()) return finished(std::move(waits));
    rest->fill_memory(machine_->states()->memory(), [this, finished, rest](Result<void> filled) {
      if (!filled.ok()) return finished(std::move(filled));
      load(std::move(*rest), finished);
    });
  });
}

// Its memory is there. A stop may have come meanwhile.
void VmPower::load(PowerOrigin origin, Done<void> done) {
  const Error gone(Code::kCancelled, "stopped while starting");
  if (machine_ == nullptr) return done(gone);
  machine_->states()->load_devices(origin.devices(), [this, gone, done](Result<void> loaded) {
    if (!loaded.ok()) return done(std::move(loaded));
    if (machine_ == nullptr) return done(gone);
    machine_->resume(done);
  });
}

// --- held for a state ---

void VmPower::hold(MachineState shown) {
  COVE_CHECK(!held_);
  held_ = shown;
}

void VmPower::release() {
  COVE_CHECK(held_.has_value());
  const auto before = std::exchange(held_, std::nullopt);
  // A change that was not of our making is told now; one of kSaving is told in any case.
  if (machine_ != nullptr && machine_->state() != *before) {
    surroundings_.machine_event({.kind = MachineEvent::Kind::kStateChanged, .state = machine_->state()});
  }
  for (auto& call : std::exchange(waiting_, {})) loop_.post(std::move(call));
}

// True: it waits until the machine is no longer held, then comes again.
bool VmPower::waits(std::function<void()> call) {
  if (!held_) return false;
  waiting_.push_back([alive = std::weak_ptr<char>(alive_), call = std::move(call)] {
    if (!alive.expired()) call();
  });
  return true;
}

void VmPower::replace(std::unique_ptr<Machine> other) {
  COVE_CHECK(held_.has_value());
  listener_.reset();
  machine_ = std::move(other);
  listen();
}

void VmPower::set_disk(const std::string& device, const std::string& path) {
  for (auto& each : spec_.devices) {
    if (each.id == device) each.path = path;
  }
}

// --- while it runs ---

void VmPower::pause(Done<void> done) {
  if (waits([this, done] { pause(done); })) return;
  if (state() != MachineState::kRunning) return later(std::move(done), wrong_state("pause"));
  machine_->pause(std::move(done));
}

void VmPower::resume(Done<void> done) {
  if (waits([this, done] { resume(done); })) return;
  if (state() != MachineState::kPaused) return later(std::move(done), wrong_state("resume"));
  machine_->resume(std::move(done));
}

void VmPower::request_stop(Done<void> done) {
  if (waits([this, done] { request_stop(done); })) return;
  if (state() != MachineState::kRunning) return later(std::move(done), wrong_state("request stop"));
  machine_->stop(StopMode::kRequest, std::move(done));
}

void VmPower::press_button() {
  machine_->stop(StopMode::kRequest, [](const Result<void>& pressed) {
    if (!pressed.ok()) log_warn("power button failed", {{"reason", pressed.error().message()}});
  });
}

void VmPower::force(std::string why) {
  stop_->request.manner = StopRequest::Manner::kForce;
  stop_->force_timer.reset();
  stop_->again_timer.reset();
  stop_->end = {true, std::move(why)};
  machine_->stop(StopMode::kForce, [](const Result<void>& ended) {
    if (!ended.ok()) log_error("stopping by force failed", {{"reason", ended.error().message()}});
  });
}

void VmPower::stop(StopRequest request, Done<StopEnd> done) {
  if (waits([this, request, done] { stop(request, done); })) return;
  if (machine_ == nullptr) {
    if (!done) return;
    auto outcome = ended_ ? Result<StopEnd>(StopEnd{}) : Result<StopEnd>(wrong_state("stop"));
    return loop_.post([done = std::move(done), outcome = std::move(outcome)] { done(outcome); });
  }
  using Manner = StopRequest::Manner;
  const bool harder = !stop_ || request.manner > stop_->request.manner;
  if (!stop_) stop_ = Stop{};
  if (done) stop_->waiters.push_back({request.manner, std::move(done)});
  if (!harder) return;
  stop_->request = request;
  if (ending()) surroundings_.stopping();
  if (request.manner == Manner::kForce) return force(std::string(kAsAsked));
  // A guest that has not started, or stands still because of its disk, cannot hear.
  if (state() == MachineState::kStarting) return force("the guest had not started yet");
  if (state() == MachineState::kPaused && !machine_->pause_reason().empty()) {
    return force("the guest stands still: " + machine_->pause_reason());
  }
  if (request.timeout.count() <= 0) return force("the guest was given no time");
  stop_->force_at = std::chrono::steady_clock::now() + request.timeout;
  stop_->force_timer = loop_.after(request.timeout, [this, given = request.timeout] {
    log_warn("the guest did not stop in time", {});
    force("the guest did not shut down within " + format_duration(given));
  });
  ask_guest();
}

void VmPower::ask_guest() {
  stop_->again_timer = loop_.after(kAskAgain, [this] { ask_guest(); });
  if (ask_agent_to_stop()) return;
  // A guest that is going down is left alone for a while.
  const auto left = stop_->force_at - std::chrono::steady_clock::now();
  if (stop_->agent == Stop::Agent::kTook && left > stop_->request.timeout / kButtonShare) return;
  press_button();
}

bool VmPower::ask_agent_to_stop() {
  const bool may = stop_->request.manner == StopRequest::Manner::kAsk &&
                   stop_->agent == Stop::Agent::kUnasked && state() == MachineState::kRunning;
  if (!may) return false;
  // Called on the agent's thread, maybe after this object's end: only the loop, which outlives both, is
  // touched.
  auto answered = [this, &loop = loop_, alive = std::weak_ptr<char>(alive_)](const Result<void>& asked) {
    loop.post([this, alive, asked] {
      if (!alive.expired() && machine_ != nullptr && stop_) agent_answered(asked);
    });
  };
  if (!surroundings_.ask_agent(Surroundings::Wish::kPowerOff, std::move(answered))) return false;
  stop_->agent = Stop::Agent::kAsked;
  return true;
}

void VmPower::agent_answered(const Result<void>& asked) {
  if (stop_->agent != Stop::Agent::kAsked) return;  // an answer of the guest before its reboot
  stop_->agent = asked.ok() ? Stop::Agent::kTook : Stop::Agent::kUnasked;
  if (asked.ok()) return;
  log_warn("the agent did not take the wish to stop", {{"reason", asked.error().message()}});
  if (stop_->request.manner == StopRequest::Manner::kAsk) press_button();
}

void VmPower::agent_appeared() {
  if (stop_ && machine_ != nullptr) ask_agent_to_stop();
}

void VmPower::give_up(std::string why) {
  if (waits([this, why] { give_up(why); })) return;
  if (machine_ == nullptr || given_up_) return;
  given_up_ = std::move(why);
  log_warn("the guest cannot go on", {{"reason", *given_up_}});
  if (!stop_) stop_ = Stop{};
  force(*given_up_);
}

void VmPower::restart(StopRequest request, Done<void> done) {
  if (waits([this, request, done] { restart(request, done); })) return;
  const bool can = machine_ != nullptr && !stop_ && !reboot_ && !boot_again_ &&
                   (state() == MachineState::kRunning || state() == MachineState::kPaused);
  if (!can) return later(std::move(done), wrong_state("restart"));
  const bool ask = request.manner == StopRequest::Manner::kAsk && state() == MachineState::kRunning;
  auto power_cycle = [this, request](Done<void> when_booted) {
    boot_again_ = std::move(when_booted);
    stop(request, nullptr);
  };
  auto answered = [this, &loop = loop_, power_cycle,
                   alive = std::weak_ptr<char>(alive_)](const Result<void>& asked) {
    loop.post([this, power_cycle, alive, asked] {
      if (alive.expired() || !reboot_ || asked.ok()) return;
      Done<void> waiting = std::move(reboot_->done);
      reboot_.reset();
      power_cycle(std::move(waiting));
    });
  };
  if (ask && surroundings_.ask_agent(Surroundings::Wish::kReboot, std::move(answered))) {
    reboot_.emplace();
    reboot_->done = std::move(done);
    reboot_->timer = loop_.after(request.timeout / kButtonShare, [this, power_cycle] {
      log_warn("the guest did not reboot in time", {});
      Done<void> waiting = std::move(reboot_->done);
      reboot_.reset();
      power_cycle(std::move(waiting));
    });
    return;
  }
  power_cycle(std::move(done));
}

void VmPower::guest_started_over() {
  if (stop_) stop_->agent = Stop::Agent::kUnasked;
  if (!reboot_) return;
  Done<void> done = std::move(reboot_->done);
  reboot_.reset();
  later(std::move(done), {});
}

void VmPower::on_event(const MachineEvent& event) {
  if (held_ && event.kind == MachineEvent::Kind::kStateChanged) return;
  surroundings_.machine_event(event);
  if (event.kind == MachineEvent::Kind::kGuestReset) guest_started_over();
  // Not inside the machine's own callback.
  if (event.kind == MachineEvent::Kind::kGuestPanicked) {
    loop_.post([this, alive = std::weak_ptr<char>(alive_), why = event.text] {
      if (!alive.expired()) give_up(why);
    });
  }
  if (event.kind != MachineEvent::Kind::kEngineExited) return;
  loop_.post([this, alive = std::weak_ptr<char>(alive_),
              end = VmEnd{event.state, event.text, event.evidence, event.monitor}] {
    if (!alive.expired()) machine_gone(end);
  });
}

void VmPower::machine_gone(VmEnd end) {
  listener_.reset();
  surroundings_.unwire();
  machine_.reset();
  starting_ = false;
  if (given_up_) {
    end.state = MachineState::kCrashed;
    end.text = *given_up_;
  }
  auto stop = std::exchange(stop_, std::nullopt);
  auto reboot = std::exchange(reboot_, std::nullopt);
  Done<void> again = std::exchange(boot_again_, nullptr);
  if (again && end.state == MachineState::kStopped) {
    return boot([this, again](const Result<void>& booted) {
      again(booted);
      if (!booted.ok()) surroundings_.ended({MachineState::kCrashed, booted.error().message(), {}});
    });
  }
  ended_ = true;
  if (stop) {
    for (auto& waiter : stop->waiters) {
      const bool others_wish = stop->end.why == kAsAsked && waiter.asked != StopRequest::Manner::kForce;
      waiter.done(others_wish ? StopEnd{stop->end.forced, "somebody else asked for that"} : stop->end);
    }
  }
  const Error over(Code::kAborted, "the vm ended: " + end.text);
  if (reboot) reboot->done(over);
  if (again) again(over);
  surroundings_.ended(end);
}

}  // namespace cove
