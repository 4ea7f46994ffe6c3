#include "supervisor/supervisor.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/vm_registry.h"
#include "supervisor/command_executor.h"

namespace cove {
namespace {

constexpr auto kProofOfLife = std::chrono::seconds(5);
constexpr std::string_view kPanicked = "the guest's kernel panicked";
// For requests under way when the machine ends; a client that does not read its answer loses it.
constexpr auto kLastWords = std::chrono::seconds(2);

std::string end_text(const Result<void>& outcome) {
  return outcome.ok() ? "the vm stopped" : "the vm ended: " + outcome.error().message();
}

// Memory that supervisors killed together with their machines left on tmpfs. Only a VM that nobody holds is
// touched, and only while we hold it.
void remove_stale_ram(const VmDirectory& own) {
  const auto names = VmRegistry(own.home()).list();
  if (!names.ok()) return;
  for (const auto& name : *names) {
    const VmDirectory other(own.home(), name);
    if (name != own.name() && other.drop_stale_ram()) log_info("stale memory removed", {{"of", name.str()}});
  }
}

bool is_alive(MachineState state) {
  return state == MachineState::kStarting || state == MachineState::kRunning ||
         state == MachineState::kPaused || state == MachineState::kSaving;
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, const SupervisorParts& parts, ReadyReporter& reporter)
    : options_(std::move(options)), parts_(parts), reporter_(reporter), loop_(make_event_loop()) {}

Supervisor::~Supervisor() = default;

Result<void> Supervisor::run(SupervisorOptions options, const SupervisorParts& parts,
                             ReadyReporter& reporter) {
  Supervisor supervisor(std::move(options), parts, reporter);
  return supervisor.finish(supervisor.serve_until_end());
}

void Supervisor::step(std::string_view name) {
  log_debug("step", {{"name", std::string(name)}});
  if (parts_.at_step) parts_.at_step(name);
}

void Supervisor::note_phase(std::string_view phase) {
  const auto noted = options_.directory.note_phase(*lock_, phase);
  if (!noted.ok()) log_warn("the lock's note was not written", {{"reason", noted.error().message()}});
}

Result<void> Supervisor::serve_until_end() {
  COVE_TRY(watch_signals());
  lock_ = COVE_TRY(options_.directory.lock("supervisor"));
  step("locked");
  remove_stale_ram(options_.directory);
  COVE_TRY(prepare());
  COVE_TRY(open_sockets());
  step("listening");
  reporter_.step("starting the machine");
  loop_->post([this] { start_machine(); });
  // It serves until there is an outcome, whatever else ends the loop.
  while (!outcome_) loop_->run();
  return std::move(*outcome_);
}

void Supervisor::start_machine() {
  auto done = [this](Result<void> started) {
    if (started.ok() && return_ == nullptr) holdings_->settle();
    if (started.ok() && return_ != nullptr) started = return_->commit();
    if (!started.ok()) return start_failed(std::move(started));
    step("running");
    reporter_.finish({});
    if (return_ != nullptr) keeper_->tidy_soon();
  };
  if (return_ == nullptr) return power_->start(std::move(done));
  auto origin = return_->origin();
  if (!origin.ok()) return start_failed(std::move(origin).error());
  power_->start_from(std::move(origin).value(), std::move(done));
}

void Supervisor::start_failed(Result<void> why) {
  if (outcome_) return;  // the machine's end has said more
  outcome_ = std::move(why);
  loop_->stop();
}

Result<void> Supervisor::open_sockets() {
  executor_ = std::make_unique<CommandExecutor>(*this);
  ControlServerOptions control;
  control.socket = options_.directory.control_socket();
  control.token = token_;
  control.max_connections = options_.max_connections;
  control_ = COVE_TRY(ControlServer::start(*loop_, control, *executor_));
  step("control socket bound");
  agent_socket_ = COVE_TRY(AgentSocket::start(
      *loop_, {options_.directory.agent_socket(), token_, options_.max_connections}, agent_->channel()));
  return {};
}

Result<void> Supervisor::watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return Error(Code::kInternal, "blocking signals");
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return Error::from_errno(errno, "signalfd");
  signal_watch_ = loop_->watch(signals_.get(), Ready::kRead, [this] { take_signal(); });
  if (options_.lifetime) {
    lifetime_watch_ = loop_->watch(options_.lifetime.get(), Ready::kRead, [this] {
      lifetime_watch_.reset();
      suspend_in_order("its launcher is gone", IfNotSaved::kStops);
    });
  }
  return {};
}

void Supervisor::take_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    suspend_in_order(::strsignal(static_cast<int>(info.ssi_signo)), IfNotSaved::kRunsOn);
  }
}

// The one place for an end that nobody asked for by a command: what runs in the VM is not lost by it. A
// second reason means: at once.
void Supervisor::suspend_in_order(const char* why, IfNotSaved then) {
  if (power_ == nullptr) return;
  const MachineState state = power_->state();
  const bool can = state == MachineState::kRunning || state == MachineState::kPaused;
  if (!can || suspender_.joinable() || power_->stopping()) return stop_in_order(why);
  log_info("suspending", {{"reason", why}});
  suspender_ = Thread("suspend", [this, why, then] {
    NoProgress progress;
    const auto saved = keeper_->save({.kind = SaveRequest::Kind::kSuspend}, progress);
    if (saved.ok()) return;
    log_error("the vm was not suspended", {{"reason", saved.error().message()}});
    if (then == IfNotSaved::kStops) loop_->post([this, why] { stop_in_order(why); });
  });
}

void Supervisor::stop_in_order(const char* why) {
  if (power_ == nullptr) return;
  const bool again = power_->stopping();
  log_info(again ? "stopping by force" : "stopping", {{"reason", why}});
  StopRequest request;
  request.manner = again ? StopRequest::Manner::kForce : StopRequest::Manner::kAsk;
  request.timeout = options_.stop_timeout;
  power_->stop(request, nullptr);
}

Result<void> Supervisor::wire(Machine& machine, Arrival arrival) {
  // A clone's guest has to be told who it is, as a fork's.
  const bool due = arrival == Arrival::kBooted && config_.new_identity;
  channels_->wire(machine, due ? Arrival::kForked : arrival);
  step("machine made");
  return {};
}

void Supervisor::unwire() {
  channels_->unwire();
  facts_->start_over("the machine ended");
  facts_->miss(fact::kProcess, "the machine ended");
}

void Supervisor::machine_event(const MachineEvent& event) {
  using Kind = MachineEvent::Kind;
  log_info("machine event", {{"kind", std::string(to_string(event.kind))},
                             {"state", std::string(to_string(event.state))},
                             {"text", event.text}});
  switch (event.kind) {
    case Kind::kIoError:
      disk_fault_ = event.fault;
      break;
    case Kind::kStateChanged:
      if (is_alive(event.state) && !power_->ending()) note_phase(to_string(event.state));
      if (event.state == MachineState::kPaused) facts_->stand_still();
      if (event.state == MachineState::kRunning) {
        disk_fault_ = MachineEvent::Fault::kNone;
        facts_->go_on();
      }
      if (event.state == MachineState::kRunning && !facts_->met(fact::kProcess)) {
        const MachineInfo info = power_->machine()->info();
        facts_->meet(fact::kProcess, info.backend + " process " + std::to_string(info.pid));
      }
      break;
    case Kind::kGuestReset:
      facts_->start_over("the guest rebooted");
      agent_->guest_reset();
      break;
    default:
      break;
  }
}

// Anybody may write such a line on the console, so a guest whose agent has come is asked whether it lives.
void Supervisor::console_panicked(const std::string& reason) {
  const std::string why = "the guest's kernel panicked: " + reason;
  if (!facts_->met(fact::kAgent)) return power_->give_up(why);
  agent_->run_later(
      kProofOfLife,
      [](const OpContext& ctx, GuestAgentClient& agent) -> Result<void> {
        COVE_TRY(agent.ping(ctx));
        return {};
      },
      [this, why](const Result<void>& alive) {
        loop_->post([this, why, lives = alive.ok()] {
          if (lives) return log_info("the console speaks of a panic, but the agent answers", {{"text", why}});
          power_->give_up(why);
        });
      });
}

bool Supervisor::ask_agent(Wish wish, std::function<void(Result<void>)> done) {
  if (!agent_->connected()) return false;
  step("asking the guest");
  agent_->run_later(
      std::chrono::seconds(10),
      [wish](const OpContext& ctx, GuestAgentClient& agent) {
        return wish == Wish::kReboot ? agent.reboot(ctx) : agent.shutdown(ctx, GuestAgentClient::Force::kNo);
      },
      std::move(done));
  return true;
}

void Supervisor::ended(const VmEnd& end) {
  if (outcome_) return;
  step("machine ended");
  note_phase(kStoppingPhase);
  if (end.state == MachineState::kStopped) {
    outcome_.emplace();
  } else {
    crash_ = CrashRecord{.reason = end.text.empty() ? "the machine ended" : end.text,
                         .engine = end.evidence,
                         .monitor = end.monitor};
    complete_crash_record();
    outcome_ = Error(Code::kAborted, crash_->reason);
  }
  facts_->close(keeper_->suspended() ? "the vm was suspended" : end_text(*outcome_));
  // Whoever asked for this end, or was being served when it came, is told before the sockets close.
  control_->drain(kLastWords, [this] { loop_->stop(); });
}

// A guest that resumes on a full disk stands still again within milliseconds, after we had said that it runs.
Result<void> Supervisor::check_resumable() const {
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 20U;
  if (disk_fault_ != MachineEvent::Fault::kNoSpace || power_->state() != MachineState::kPaused) return {};
  const std::string folder = options_.directory.home().root().string();
  const std::uint64_t left = COVE_TRY(free_space(folder));
  if (left >= kLeast) return {};
  return Error(Code::kFailedPrecondition, "vm \"" + name().str() + "\" stays paused: " + power_->reason() +
                                              ": " + folder + " has " + format_bytes(left) + " left")
      .hint(snapshot().hint);
}

VmSnapshot Supervisor::snapshot() const {
  VmSnapshot snapshot;
  snapshot.state = power_->state();
  snapshot.reason = power_->reason();
  if (power_->machine() != nullptr) snapshot.machine = power_->machine()->info();
  const bool paused_by_fault = snapshot.state == MachineState::kPaused && power_->machine() != nullptr &&
                               !power_->machine()->pause_reason().empty();
  if (paused_by_fault) {
    snapshot.hint = "free space on the file system of " + options_.directory.home().root().string() +
                    ", then: cove resume " + name().str();
  } else if (snapshot.state == MachineState::kPaused) {
    snapshot.hint = "let it run: cove resume " + name().str();
  }
  return snapshot;
}

// What the guest said last belongs to the evidence; its machine is gone, so nothing more will come.
void Supervisor::complete_crash_record() {
  relay_->do_on_loop([] {});  // the last of its output has been taken in
  crash_->at = format_rfc3339(std::chrono::system_clock::now());
  crash_->console = console_->last_lines(CrashRecord::kMaxLines);
  if (crash_->reason != kPanicked) return;
  // The stacks and registers that follow the message may be longer than what a record holds.
  constexpr std::size_t kLookBack = 400;
  auto excerpt = panic_excerpt(console_->last_lines(kLookBack), CrashRecord::kMaxLines);
  if (!excerpt) return;
  crash_->reason = std::string(kPanicked) + ": " + excerpt->reason;
  crash_->console = std::move(excerpt->lines);
  crash_->console_from = CrashRecord::ConsoleFrom::kPanic;
}

std::map<std::string, std::uint64_t> Supervisor::metrics() const {
  std::map<std::string, std::uint64_t> counters;
  if (network_ != nullptr) {
    const NetworkCounters net = network_->counters();
    counters["net_frames_to_guest"] = net.frames.frames_out;
    counters["net_bytes_to_guest"] = net.frames.bytes_out;
    counters["net_frames_from_guest"] = net.frames.frames_in;
    counters["net_bytes_from_guest"] = net.frames.bytes_in;
    counters["net_frames_dropped"] = net.frames.dropped_out + net.frames.dropped_in;
    counters["net_wakeups"] = net.wakeups;
    counters["net_descriptors"] = net.descriptors;
  }
  if (const auto link = agent_->link_counters()) {
    counters["agent_wakeups"] = link->wakeups;
    counters["agent_bytes_from_guest"] = link->bytes_in;
    counters["agent_bytes_to_guest"] = link->bytes_out;
    counters["agent_epochs"] = link->epochs;
  }
  return counters;
}

// Every way out comes by here: the files say what is true before the lock is given up.
Result<void> Supervisor::finish(Result<void> outcome) {
  ending_.cancel();
  if (facts_ != nullptr) facts_->close(end_text(outcome));
  suspender_.join();
  control_.reset();
  agent_socket_.reset();
  step("sockets closed");
  keeper_.reset();
  capture_.reset();
  power_.reset();
  return_.reset();
  channels_.reset();
  agent_.reset();
  if (console_ != nullptr) relay_->do_on_loop([this] { console_.reset(); });
  relay_.reset();
  network_.reset();
  if (holdings_ != nullptr) {
    if (const auto ended = holdings_->end(); !ended.ok())
      log_warn("pending.json stays", {{"reason", ended.error().message()}});
  }
  if (session_) {
    const VmDirectory& directory = options_.directory;
    auto closed = crash_ ? directory.end_session_crashed(*crash_) : directory.end_session();
    if (!closed.ok()) log_error("ending the session failed", {{"reason", closed.error().message()}});
  }
  step("session ended");
  reporter_.finish(outcome);
  return outcome;
}

}  // namespace cove
