#include "hypervisor/qemu/qemu_machine.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strings.h"
#include "hypervisor/qemu/command_line.h"

namespace cove {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kGreetingTimeout = std::chrono::seconds(30);
constexpr milliseconds kQuitGrace = std::chrono::seconds(4);
constexpr milliseconds kMonitorLostGrace = std::chrono::seconds(2);
constexpr int kRamFd = 7;

Result<void> make_nvram(const MachineSpec& spec, const QemuHost& host) {
  const std::string& vars = spec.boot.firmware_vars;
  if (spec.boot.mode != BootMode::kUefi || path_exists(vars)) return {};
  if (!host.firmware) return Error(Code::kFailedPrecondition, "no UEFI firmware was found");
  const std::string bytes = COVE_TRY(read_file(host.firmware->vars_template, std::size_t{64} << 20U));
  return write_file_atomic(vars, bytes, 0600).context("making the UEFI variables");
}

void add_descriptor(SpawnOptions& options, int child_fd, const UniqueFd& fd) {
  if (fd) options.descriptors.push_back({child_fd, fd.get()});
}

}  // namespace

Result<std::unique_ptr<Machine>> QemuMachine::create(EventLoop& loop, const QemuHost& host, MachineSpec spec,
                                                     MachineOrigin origin) {
  auto sockets = COVE_TRY(MachineSockets::create(spec));
  return std::unique_ptr<Machine>(
      new QemuMachine(loop, host, std::move(spec), std::move(origin), std::move(sockets)));
}

QemuMachine::QemuMachine(EventLoop& loop, QemuHost host, MachineSpec spec, MachineOrigin origin,
                         MachineSockets sockets)
    : loop_(loop),
      host_(std::move(host)),
      spec_(std::move(spec)),
      origin_(std::move(origin)),
      from_state_(origin_.memory.valid()),
      sockets_(std::move(sockets)),
      states_(
          loop, [this] { return state_; }, std::move(sockets_.spare)) {}

QemuMachine::~QemuMachine() {
  const Error gone(Code::kCancelled, "the machine is gone");
  if (process_) process_->signal(SIGKILL);
  qmp_.reset();
  states_.engine_gone(gone);
  if (auto done = std::exchange(start_done_, nullptr)) done(gone);
  for (auto& done : std::exchange(stop_done_, {})) done(gone);
}

MachineInfo QemuMachine::info() const {
  MachineInfo info;
  info.backend = "qemu";
  info.engine_version = version_.empty() ? host_.version : version_;
  info.accel = spec_.accel;
  info.pid = process_ ? process_->pid() : 0;
  info.started_at = started_at_;
  info.start_duration = start_duration_;
  return info;
}

Registration QemuMachine::on_event(std::function<void(const MachineEvent&)> listener) {
  return events_.add(std::move(listener));
}

void QemuMachine::answer_later(Done<void> done, Result<void> result) {
  loop_.post([done = std::move(done), result = std::move(result)] { done(result); });
}

Error QemuMachine::wrong_state(std::string_view what) const {
  return Error(Code::kFailedPrecondition,
               "cannot " + std::string(what) + ": the VM is " + std::string(to_string(state_)));
}

// --- start -------------------------------------------------------------------------------------------------

void QemuMachine::start(Done<void> done) {
  COVE_CHECK(loop_.in_loop_thread());  // its end is what ends QEMU
  if (std::exchange(started_, true)) return answer_later(std::move(done), wrong_state("start"));
  start_called_ = std::chrono::steady_clock::now();
  if (auto launched = launch(); !launched.ok()) {
    ram_ = {};
    return answer_later(std::move(done), std::move(launched).context("starting QEMU"));
  }
  start_done_ = std::move(done);
  set_state(MachineState::kStarting, "");
}

Result<void> QemuMachine::launch() {
  COVE_TRY(make_nvram(spec_, host_));
  ram_ = COVE_TRY(from_state_ ? RamBacking::adopt(std::move(origin_.memory), spec_.memory_bytes)
                              : RamBacking::create(spec_.ram_path, spec_.memory_bytes));
  COVE_TRY(states_.prepare());
  auto [qmp, qmp_end] = COVE_TRY(make_socketpair(SOCK_STREAM));
  auto [errors, errors_end] = COVE_TRY(make_pipe());
  COVE_TRY(set_nonblocking(errors.get()));
  COVE_TRY(spawn(std::move(qmp_end), std::move(errors_end)));
  sockets_.engine = {};
  stderr_ = std::move(errors);
  stderr_watch_ = loop_.watch(stderr_.get(), Ready::kRead, [this] { read_stderr(); });
  exit_watch_ = loop_.watch(process_->pidfd(), Ready::kRead, [this] { handle_exit(); });
  qmp_ = std::make_unique<QmpClient>(
      loop_, std::move(qmp),
      QmpClient::Handlers{.on_event = [this](const QmpEvent& event) { handle_qmp(event); },
                          .on_closed =
                              [this](const Error& why) {
                                log_debug("QMP ended", {{"why", why.message()}});
                                if (why.code() == Code::kInternal) monitor_error_ = why.message();
                                kill_after(kMonitorLostGrace);
                              }});
  qmp_->negotiate(kGreetingTimeout, [this](Result<std::string> version) { negotiated(std::move(version)); });
  return {};
}

Result<void> QemuMachine::spawn(UniqueFd qmp_end, UniqueFd stderr_end) {
  QemuLaunch launch;
  launch.binary = host_.binary;
  launch.origin = from_state_ ? QemuLaunch::Origin::kState : QemuLaunch::Origin::kBoot;
  launch.ram_path = ram_.named() ? ram_.path() : "/proc/self/fd/" + std::to_string(kRamFd);
  SpawnOptions options;
  options.argv = qemu_command_line(spec_, launch);
  add_descriptor(options, 2, stderr_end);
  add_descriptor(options, launch.qmp_fd, qmp_end);
  add_descriptor(options, launch.console_fd, sockets_.engine.console);
  add_descriptor(options, launch.agent_fd, sockets_.engine.agent);
  add_descriptor(options, launch.net_fd, sockets_.engine.net);
  if (!ram_.named()) options.descriptors.push_back({kRamFd, ram_.fd()});
  if (from_state_) options.descriptors.push_back({QemuStateCapture::kIncomingFd, states_.incoming()});
  // A group of its own: Ctrl-C in the supervisor's terminal is the supervisor's to handle.
  options.session = SpawnOptions::Session::kNewGroup;
  options.parent_death_signal = SIGKILL;
  // Others may map what it maps; its guest's balloon would take pages out of that.
  if (from_state_) options.holes = SpawnOptions::Holes::kNoSmallOnes;
  process_ = COVE_TRY(Process::spawn(options));
  return {};
}

void QemuMachine::negotiated(Result<std::string> version) {
  if (quit_) return;
  if (!version.ok()) return fail_start(std::move(version).error());
  version_ = *version;
  auto noted =
      states_.engine_started(*qmp_, process_->pid(), ram_, spec_.memory_bytes,
                             from_state_ ? GuestMemory::Mapping::kPrivate : GuestMemory::Mapping::kShared);
  if (!noted.ok()) return fail_start(std::move(noted).error());
  if (from_state_) return wait_for_state();
  qmp_->execute("cont", {}, [this](Result<Json> result) { vcpus_ran(std::move(result)); });
}

void QemuMachine::vcpus_ran(Result<Json> result) {
  if (quit_) return;
  if (!result.ok()) return fail_start(std::move(result).error());
  set_state(MachineState::kRunning, "");
  if (auto done = std::exchange(start_done_, nullptr)) done({});
}

// There is nothing to run yet: what it shall be comes by load_devices().
void QemuMachine::wait_for_state() {
  const Json events = Json::object({{"capability", "events"}, {"state", true}});
  qmp_->execute("migrate-set-capabilities", Json::object({{"capabilities", Json(Json::Array{events})}}),
                [this](Result<Json> result) {
                  if (quit_) return;
                  if (!result.ok()) return fail_start(std::move(result).error());
                  set_state(MachineState::kPaused, "");
                  if (auto done = std::exchange(start_done_, nullptr)) done({});
                });
}

// The engine did not come up. If it has ended, that says more than what broke on our side: handle_exit() then
// tells; else it is ended, with the same way out.
void QemuMachine::fail_start(Error error) {
  if (start_error_) return;
  start_error_ = std::move(error);
  kill_after(kMonitorLostGrace);
}

// --- while it runs ---------------------------------------------------------------------------------------

void QemuMachine::pause(Done<void> done) {
  if (state_ == MachineState::kPaused) return answer_later(std::move(done), {});
  if (state_ != MachineState::kRunning || quit_) return answer_later(std::move(done), wrong_state("pause"));
  command("stop", MachineState::kPaused, std::move(done));
}

void QemuMachine::resume(Done<void> done) {
  if (state_ == MachineState::kRunning && !quit_) return answer_later(std::move(done), {});
  if (state_ != MachineState::kPaused || quit_) return answer_later(std::move(done), wrong_state("resume"));
  command("cont", MachineState::kRunning, std::move(done));
}

void QemuMachine::command(std::string_view name, MachineState reached, Done<void> done) {
  qmp_->execute(name, {}, [this, reached, done = std::move(done)](Result<Json> result) {
    if (!result.ok()) return done(std::move(result).error());
    // QEMU has already told the change by an event, so this normally changes nothing.
    if (state_ == MachineState::kRunning || state_ == MachineState::kPaused) set_state(reached, "");
    done({});
  });
}

void QemuMachine::stop(StopMode mode, Done<void> done) {
  if (mode == StopMode::kForce) return force_stop(std::move(done));
  if (quit_) return answer_later(std::move(done), wrong_state("press the power button"));
  if (state_ == MachineState::kRunning) return power_button(std::move(done));
  if (state_ != MachineState::kPaused) {
    return answer_later(std::move(done), wrong_state("press the power button"));
  }
  command("cont", MachineState::kRunning, [this, done = std::move(done)](Result<void> result) mutable {
    if (!result.ok()) return done(std::move(result));
    power_button(std::move(done));
  });
}

void QemuMachine::power_button(Done<void> done) {
  qmp_->execute("system_powerdown", {}, [done = std::move(done)](Result<Json> result) {
    if (!result.ok()) return done(std::move(result).error());
    done({});
  });
}

void QemuMachine::force_stop(Done<void> done) {
  if (!process_) return answer_later(std::move(done), {});
  stop_done_.push_back(std::move(done));
  if (std::exchange(quit_, true)) return;
  // A guest that has not run has written nothing that could need flushing; an engine that was made to stand
  // still has been flushed before.
  if (!ran_ || states_.stands_still()) return process_->signal(SIGKILL);
  qmp_->execute("quit", {}, [](const Result<Json>&) {});
  kill_after(kQuitGrace);
}

void QemuMachine::kill_after(milliseconds grace) {
  if (!process_ || kill_timer_) return;
  kill_timer_ = loop_.after(grace, [this] {
    log_warn("ending QEMU by force", {{"pid", std::to_string(process_->pid())}});
    killed_ = true;
    process_->signal(SIGKILL);
  });
}

// --- what QEMU tells -------------------------------------------------------------------------------------

void QemuMachine::handle_qmp(const QmpEvent& event) {
  if (event.name == "STOP") {
    if (state_ == MachineState::kRunning) set_state(MachineState::kPaused, pause_reason_);
  } else if (event.name == "RESUME") {
    pause_reason_.clear();
    if (state_ == MachineState::kStarting || state_ == MachineState::kPaused) {
      set_state(MachineState::kRunning, "");
    }
  } else if (event.name == "SHUTDOWN") {
    if (!event.data.get("guest").as_bool()) return;
    guest_shutdown_ = true;
    events_.emit({.kind = MachineEvent::Kind::kGuestShutdown,
                  .state = state_,
                  .text = event.data.get("reason").as_string()});
  } else if (event.name == "RESET") {
    events_.emit({.kind = MachineEvent::Kind::kGuestReset,
                  .state = state_,
                  .text = event.data.get("reason").as_string()});
  } else if (event.name == "GUEST_PANICKED") {
    pause_reason_ = "the guest's kernel panicked";
    events_.emit({.kind = MachineEvent::Kind::kGuestPanicked, .state = state_, .text = pause_reason_});
  } else if (event.name == "BLOCK_IO_ERROR") {
    handle_io_error(event.data);
  } else {
    states_.on_event(event);
  }
}

// One full disk fails every request that is under way; the first failure of a pause is told.
void QemuMachine::handle_io_error(const Json& data) {
  if (data.get("action").as_string() != "stop" || !pause_reason_.empty()) return;
  std::string device = data.get("node-name").as_string();
  if (const auto cut = device.rfind("-disk"); cut != std::string::npos) device.resize(cut);
  const bool no_space = data.get("nospace").as_bool();
  const std::string why = no_space ? "no space left on the host" : data.get("reason").as_string();
  pause_reason_ = "disk " + device + ": " + why;
  events_.emit({.kind = MachineEvent::Kind::kIoError,
                .state = state_,
                .text = pause_reason_,
                .device = device,
                .fault = no_space ? MachineEvent::Fault::kNoSpace : MachineEvent::Fault::kOther});
}

void QemuMachine::read_stderr() {
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(stderr_.get(), buffer.data(), buffer.size());
    if (count > 0) {
      stderr_tail_.push({buffer.data(), static_cast<std::size_t>(count)});
    } else if (count == 0) {
      return stderr_watch_.reset();
    } else if (errno != EINTR) {
      return;
    }
  }
}

void QemuMachine::handle_exit() {
  const std::optional<ExitStatus> status = process_->try_wait();
  if (!status) return;
  qmp_->drain();  // its last words came before its end
  read_stderr();
  exit_watch_.reset();
  stderr_watch_.reset();
  kill_timer_.reset();
  const std::string how = describe_exit(status);
  const bool crashed = ran_ && !guest_shutdown_ && !quit_;
  states_.engine_gone(Error(Code::kUnavailable, how));
  process_.reset();
  ram_ = {};
  pause_reason_.clear();
  set_state(crashed ? MachineState::kCrashed : MachineState::kStopped, crashed ? how : "");
  events_.emit({.kind = MachineEvent::Kind::kEngineExited,
                .state = state_,
                .text = how,
                .evidence = stderr_tail_.lines(),
                .monitor = qmp_->conversation()});
  if (auto done = std::exchange(start_done_, nullptr)) {
    Error error(Code::kUnavailable, how);
    if (quit_) {
      error = Error(Code::kCancelled, "stopped while starting");
    } else if (start_error_ && start_error_->code() != Code::kUnavailable) {
      error = std::move(*start_error_);
    }
    done(std::move(error).context("starting QEMU"));
  }
  for (auto& done : std::exchange(stop_done_, {})) done({});
}

std::string QemuMachine::describe_exit(const std::optional<ExitStatus>& status) const {
  if (!monitor_error_.empty()) return "QEMU was ended: " + monitor_error_;
  if (killed_ && !quit_) return "QEMU was ended: its monitor went silent";
  std::string text = "QEMU ended";
  if (status) text += " (" + status->describe() + ")";
  const auto lines = stderr_tail_.lines();
  if (!lines.empty() && !quit_) text += ": " + lines.back();
  return text;
}

void QemuMachine::set_state(MachineState state, std::string text) {
  if (state == state_) return;
  state_ = state;
  if (state == MachineState::kRunning && !std::exchange(ran_, true)) {
    started_at_ = std::chrono::system_clock::now();
    start_duration_ =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start_called_);
  }
  events_.emit({.kind = MachineEvent::Kind::kStateChanged, .state = state, .text = std::move(text)});
}

}  // namespace cove
