#include "supervisor/machine_capture.h"

#include <utility>

#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "control/ask.h"

namespace cove {
namespace {

constexpr auto kMachineCallLimit = std::chrono::seconds(30);
constexpr std::size_t kMaxNvramBytes = std::size_t{64} << 20U;

Error machine_gone_error() { return Error(Code::kAborted, "the machine ended while its state was saved"); }

}  // namespace

// --- on the loop ---

Result<void> MachineCapture::on_machine(Call call) {
  const OpContext ctx{parts_.ending, Deadline::after(kMachineCallLimit)};
  return ask<void>(ctx, parts_.loop, [this, call = std::move(call)](Done<void> done) {
    Machine* machine = parts_.power.machine();
    if (machine == nullptr) return done(machine_gone_error());
    call(*machine, std::move(done));
  });
}

Result<void> MachineCapture::on_other(Call call) {
  const OpContext ctx{parts_.ending, Deadline::after(kMachineCallLimit)};
  return ask<void>(ctx, parts_.loop, [this, call = std::move(call)](Done<void> done) {
    if (other_ == nullptr) return done(Error(Code::kInternal, "there is no other machine"));
    call(*other_, std::move(done));
  });
}

Result<void> MachineCapture::on_loop(std::function<Result<void>()> body) {
  const OpContext ctx{parts_.ending, Deadline::after(kMachineCallLimit)};
  return ask<void>(ctx, parts_.loop, [body = std::move(body)](const Done<void>& done) { done(body()); });
}

Result<void> MachineCapture::begin(std::optional<MachineState> shown) {
  return on_loop([this, shown]() -> Result<void> {
    VmPower& power = parts_.power;
    const MachineState state = power.state();
    const bool can = (state == MachineState::kRunning || state == MachineState::kPaused) &&
                     power.machine() != nullptr && !power.held();
    if (!can || power.stopping()) {
      const std::string word(power.stopping() ? "being stopped" : to_string(state));
      return Error(Code::kFailedPrecondition, "cannot save the state of a VM that is " + word);
    }
    if (power.machine()->states() == nullptr)
      return Error(Code::kUnimplemented, "this engine cannot save states");
    was_running_ = state == MachineState::kRunning;
    power.hold(shown.value_or(state));
    return {};
  });
}

Result<void> MachineCapture::stand() {
  still_since_ = std::chrono::steady_clock::now();
  return on_machine([](Machine& machine, Done<void> done) { machine.pause(std::move(done)); });
}

Result<void> MachineCapture::let_run() {
  if (!was_running_) return {};
  return on_machine([](Machine& machine, Done<void> done) { machine.resume(std::move(done)); });
}

void MachineCapture::end_stillness() {
  captured_->stood_still =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - still_since_);
}

Result<Captured> MachineCapture::finish(Result<void> taken) {
  const auto captured = std::exchange(captured_, nullptr);
  memory_.reset();
  COVE_TRY(taken);
  return std::move(*captured);
}

// --- what a machine is ---

Result<void> MachineCapture::look() {
  captured_ = std::make_shared<Captured>();
  return on_machine([this, captured = captured_](Machine& machine, const Done<void>& done) {
    memory_ = machine.states()->memory();
    captured->spec = machine.spec();
    captured->mapping = memory_->mapping();
    auto file = duplicate(memory_->file());
    if (!file.ok()) return done(std::move(file).error());
    captured->memory = std::move(file).value();
    done({});
  });
}

Result<void> MachineCapture::read_devices(StateCapture::Disks disks) {
  COVE_TRY(on_machine([disks, captured = captured_](Machine& machine, Done<void> done) {
    machine.states()->save_devices(disks, [captured, done = std::move(done)](Result<DeviceState> saved) {
      if (!saved.ok()) return done(std::move(saved).error());
      captured->devices = std::move(saved).value();
      done({});
    });
  }));
  return read_nvram();
}

Result<void> MachineCapture::read_nvram() {
  if (captured_->spec.boot.mode != BootMode::kUefi) return {};
  captured_->nvram = COVE_TRY(read_file(captured_->spec.boot.firmware_vars, kMaxNvramBytes));
  return {};
}

// --- it goes on ---

Result<Captured> MachineCapture::take(const Onward& onward, const TakePages& take_pages) {
  COVE_TRY(begin(std::nullopt));
  auto taken = look();
  if (taken.ok()) {
    taken = captured_->mapping == GuestMemory::Mapping::kPrivate ? in_place(onward, take_pages)
                                                                 : hand_over(onward);
  }
  const auto released = release();
  return finish(taken.ok() ? released : taken);
}

Result<void> MachineCapture::release() {
  return on_loop([this]() -> Result<void> {
    parts_.power.release();
    return {};
  });
}

Result<Captured> MachineCapture::take_disks(const Onward& onward) {
  COVE_TRY(begin(std::nullopt));
  const auto taken = [&]() -> Result<void> {
    COVE_TRY(look());
    COVE_TRY(stand());
    parts_.step("the guest stands still");
    auto switched = on_machine([onward](Machine& machine, Done<void> done) {
      machine.states()->switch_disk(onward.device, onward.overlay, std::move(done));
    });
    if (switched.ok()) switched = read_nvram();
    const auto running = let_run();
    end_stillness();
    COVE_TRY(switched);
    return running;
  }();
  const auto released = release();
  return finish(taken.ok() ? released : taken);
}

Result<void> MachineCapture::in_place(const Onward& onward, const TakePages& take_pages) {
  COVE_TRY(stand());
  parts_.step("the guest stands still");
  const auto taken = [&]() -> Result<void> {
    COVE_TRY(read_devices(StateCapture::Disks::kKept));
    COVE_TRY(take_pages(*memory_));
    return on_machine([onward](Machine& machine, Done<void> done) {
      machine.states()->switch_disk(onward.device, onward.overlay, std::move(done));
    });
  }();
  auto running = let_run();
  end_stillness();
  COVE_TRY(taken);
  return running;
}

// --- another engine goes on ---

Result<void> MachineCapture::start_other(const Onward& onward) {
  auto memory = std::make_shared<UniqueFd>(COVE_TRY(duplicate(captured_->memory.get())));
  COVE_TRY(on_loop([this, onward, memory, spec = captured_->spec]() mutable -> Result<void> {
    for (auto& device : spec.devices) {
      if (device.id == onward.device) device.path = onward.overlay.string();
    }
    other_ =
        COVE_TRY(parts_.hypervisor.create(parts_.loop, std::move(spec), MachineOrigin{std::move(*memory)}));
    return {};
  }));
  return on_other([](Machine& other, Done<void> done) { other.start(std::move(done)); });
}

Result<void> MachineCapture::hand_over(const Onward& onward) {
  auto moved = start_other(onward).context("starting another engine for the VM");
  if (moved.ok()) {
    moved = on_loop([this]() -> Result<void> {
      parts_.channels.hold();
      return {};
    });
    if (moved.ok()) moved = move_over(onward);
    if (!moved.ok()) return_to_old_engine();
  }
  if (!moved.ok()) {
    static_cast<void>(on_loop([this]() -> Result<void> {
      other_.reset();
      return {};
    }));
  }
  return moved;
}

void MachineCapture::return_to_old_engine() {
  log_warn("a hand-over failed; the vm goes on where it was", {});
  const auto back = on_machine([this](Machine& machine, const Done<void>& done) {
    other_.reset();  // it may hold the disks already
    machine.states()->go_on();
    parts_.channels.go_on();
    done({});
  });
  const auto runs = let_run();
  if (!back.ok() || !runs.ok()) {
    log_error("the guest does not run on", {{"reason", (back.ok() ? runs : back).error().message()}});
  }
}

Result<void> MachineCapture::move_over(const Onward& onward) {
  COVE_TRY(stand());
  parts_.step("the guest stands still");
  COVE_TRY(on_machine([](Machine& machine, Done<void> done) { machine.states()->settle(std::move(done)); }));
  COVE_TRY(on_loop([this]() -> Result<void> {
    parts_.channels.take_unread();
    return {};
  }));
  COVE_TRY(read_devices(StateCapture::Disks::kLetGo));
  COVE_TRY(on_machine([](Machine& machine, const Done<void>& done) {
    machine.states()->stand_still();
    done({});
  }));
  COVE_TRY(on_other([captured = captured_](Machine& other, Done<void> done) {
    other.states()->load_devices(captured->devices, std::move(done));
  }));
  parts_.step("the other engine has the state");
  COVE_TRY(on_machine([this, onward](Machine& machine, const Done<void>& done) {
    const auto named = machine.states()->give_memory_away(onward.frozen_memory);
    if (!named.ok()) log_debug("the frozen memory has no name", {{"reason", named.error().message()}});
    done(parts_.channels.move_to(*other_));
  }));
  // From here on the other engine is the VM, whatever comes.
  Result<void> runs;
  if (was_running_) runs = on_other([](Machine& other, Done<void> done) { other.resume(std::move(done)); });
  end_stillness();
  COVE_TRY(on_loop([this]() -> Result<void> {
    parts_.channels.opened();
    parts_.power.replace(std::move(other_));
    return {};
  }));
  if (!runs.ok()) log_error("the guest does not run on", {{"reason", runs.error().message()}});
  return {};
}

// --- it is saved for good ---

Result<Captured> MachineCapture::take_and_hold(const TakePages& take_pages) {
  COVE_TRY(begin(MachineState::kSaving));
  const auto taken = [&]() -> Result<void> {
    COVE_TRY(look());
    COVE_TRY(stand());
    parts_.step("the guest stands still");
    COVE_TRY(read_devices(StateCapture::Disks::kKept));
    if (captured_->mapping == GuestMemory::Mapping::kPrivate) COVE_TRY(take_pages(*memory_));
    end_stillness();
    return {};
  }();
  if (!taken.ok()) {
    if (const auto ended = end_hold(Then::kGoesOn); !ended.ok())
      log_error("the guest does not run on", {{"reason", ended.error().message()}});
  }
  return finish(taken);
}

Result<void> MachineCapture::end_hold(Then then) {
  const auto runs = then == Then::kGoesOn ? let_run() : Result<void>();
  const auto released = on_loop([this, then]() -> Result<void> {
    VmPower& power = parts_.power;
    power.release();
    if (then == Then::kGoesOn || power.machine() == nullptr) return {};
    power.machine()->states()->stand_still();
    power.stop({.manner = StopRequest::Manner::kForce}, nullptr);
    return {};
  });
  COVE_TRY(runs);
  return released;
}

}  // namespace cove
