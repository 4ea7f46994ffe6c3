#include "cli/supervisor_calls.h"

#include <algorithm>

#include "base/clock.h"
#include "cli/vm_end.h"
#include "control/control_client.h"
#include "control/supervisor_dial.h"
#include "proto/control.pb.h"

namespace cove {
namespace {

constexpr std::uint32_t kConsoleReplay = std::uint32_t{64} << 10U;
constexpr auto kQuick = std::chrono::seconds(10);
constexpr auto kSlack = std::chrono::seconds(15);  // what an answer may take beyond the time it was given
// Of an answer that may take long by its nature: after so much silence the supervisor is asked whether it is
// there, and one that does not tell its state for the other time hangs.
constexpr auto kSilence = std::chrono::seconds(2);
constexpr auto kProof = std::chrono::seconds(8);

// A failure in words about the VM: it has ended, or its supervisor is silent.
Result<ControlResponse> or_why(const OpContext& ctx, const VmDirectory& vm,
                               Result<ControlResponse> response) {
  if (response.ok()) return response;
  if (response.error().code() == Code::kDeadlineExceeded) {
    if (const auto seen = vm.observe(); seen.has_supervisor()) return silent_error(vm, *seen.holder);
  }
  return explain_end(ctx, vm, std::move(response).error());
}

Result<ControlResponse> ask(const OpContext& ctx, const VmDirectory& vm, const ControlRequest& request) {
  auto client = COVE_TRY(ControlClient::connect(ctx, vm));
  return or_why(ctx, vm, client.call(ctx, request));
}

// As ask(), for what may take long; `proof`: how long a supervisor may be deaf before this gives up.
Result<ControlResponse> ask_long(const OpContext& ctx, const VmDirectory& vm, ControlClient& client,
                                 const ControlRequest& request, std::chrono::nanoseconds proof) {
  auto response = client.call(ctx.with_timeout(kSilence), request);
  const bool silent = !response.ok() && response.error().code() == Code::kDeadlineExceeded;
  if (silent && !ctx.deadline.expired()) {
    const auto there = ask_status(ctx.with_timeout(proof), vm);
    if (!there.ok() && there.error().code() == Code::kDeadlineExceeded) return there.error();
    response = client.next(ctx);
  }
  return or_why(ctx, vm, std::move(response));
}

Result<void> ask_plain(const OpContext& ctx, const VmDirectory& vm, const char* type) {
  ControlRequest request;
  request.set_type(type);
  COVE_TRY(ask(ctx.with_timeout(kQuick), vm, request));
  return {};
}

// The supervisor speaks as the protocol wants it, of "VM in state: x"; a person gets the name and the next
// step.
Result<void> in_our_words(const OpContext& ctx, const VmDirectory& vm, MachineState wanted,
                          Result<void> outcome) {
  if (outcome.ok() || outcome.error().code() != Code::kFailedPrecondition) return outcome;
  const auto now = ask_status(ctx.with_timeout(kQuick), vm);
  if (!now.ok() || (now->state != wanted && now->state != MachineState::kStarting)) return outcome;
  const auto& name = vm.name().str();
  if (now->state == MachineState::kStarting) {
    return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is still starting")
        .hint("wait for it: cove wait -for kernel " + name);
  }
  if (wanted == MachineState::kPaused) {
    return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is paused already")
        .hint("let it run: cove resume " + name);
  }
  return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is running, not paused")
      .hint("hold it still: cove pause " + name + "\nits state: cove status " + name);
}

std::uint64_t milliseconds(std::chrono::nanoseconds span) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

template <typename Facts>
std::vector<LiveFact> facts_from(const Facts& facts) {
  std::vector<LiveFact> result;
  for (const auto& fact : facts) result.push_back({fact.name(), fact.met(), fact.met_at(), fact.evidence()});
  return result;
}

template <typename Lines>
std::vector<std::string> lines_from(const Lines& lines) {
  return {lines.begin(), lines.end()};
}

LiveStatus status_from(const vz::control::v1::StatusDetail& detail) {
  LiveStatus status;
  status.state = machine_state_from(detail.state()).value_or(MachineState::kBroken);
  status.reason = detail.reason();
  status.hint = detail.hint();
  status.facts = facts_from(detail.facts());
  status.backend = detail.backend();
  status.accelerator = detail.accelerator();
  status.accelerator_reason = detail.accelerator_reason();
  status.supervisor_pid = detail.supervisor_pid();
  status.engine_pid = detail.engine_pid();
  status.started_at = detail.started_at();
  status.ip = detail.ip();
  status.network = detail.network();
  status.agent = detail.agent();
  status.agent_version = detail.agent_version();
  for (const auto& forward : detail.forwards()) {
    status.forwards.push_back(
        {forward.host_address(), forward.host_port(), forward.guest_port(), forward.connections()});
  }
  status.console_tail = lines_from(detail.console_tail());
  return status;
}

}  // namespace

const std::vector<std::string>& fact_names() {
  static const std::vector<std::string> kNames{"process", "kernel", "agent",  "clock",
                                               "disk",    "user",   "network"};
  return kNames;
}

Result<LiveStatus> ask_status(const OpContext& ctx, const VmDirectory& vm) {
  ControlRequest request;
  request.set_type("status");
  const auto response = COVE_TRY(ask(ctx, vm, request));
  return status_from(response.status_detail());
}

Result<void> ask_pause(const OpContext& ctx, const VmDirectory& vm) {
  return in_our_words(ctx, vm, MachineState::kPaused, ask_plain(ctx, vm, "pause"));
}
Result<void> ask_resume(const OpContext& ctx, const VmDirectory& vm) {
  return in_our_words(ctx, vm, MachineState::kRunning, ask_plain(ctx, vm, "resume"));
}

Result<VmStopped> ask_stop(const OpContext& ctx, const VmDirectory& vm, StopMode mode,
                           std::chrono::nanoseconds patience) {
  ControlRequest request;
  request.set_type("stop");
  request.mutable_stop()->set_mode(mode == StopMode::kAsk ? "ask" : "force");
  // On the wire 0 stands for the usual time.
  request.mutable_stop()->set_timeout_ms(std::max<std::uint64_t>(1, milliseconds(patience)));
  // A supervisor that is deaf for as long as the guest was given will not end it either.
  const auto proof = std::max<std::chrono::nanoseconds>(patience - kSilence, std::chrono::seconds(1));
  auto client = COVE_TRY(ControlClient::connect(ctx.with_timeout(proof), vm));
  const auto response = COVE_TRY(ask_long(ctx.with_timeout(patience + kSlack), vm, client, request, proof));
  const auto& end = response.stop();
  return VmStopped{end.forced(), end.reason(), end.last_line()};
}

namespace {

// Saving takes as long as writing memory to the disk does.
Result<ControlResponse> call_save(const OpContext& ctx, const VmDirectory& vm,
                                  const ControlRequest& request) {
  constexpr auto kLongest = std::chrono::hours(1);
  auto client = COVE_TRY(ControlClient::connect(ctx.with_timeout(kQuick), vm));
  return ask_long(ctx.with_timeout(kLongest), vm, client, request, kProof);
}

VmSaved saved_from(const ControlResponse& response) {
  const auto& saved = response.saved();
  return {saved.id(), std::chrono::microseconds(saved.stood_still_us()), saved.changed_bytes()};
}

Result<VmSaved> ask_save(const OpContext& ctx, const VmDirectory& vm, const ControlRequest& request) {
  return saved_from(COVE_TRY(call_save(ctx, vm, request)));
}

ControlRequest snapshot_request(const char* action, const std::string& name) {
  ControlRequest request;
  request.set_type("snapshot");
  request.mutable_snapshot()->set_action(action);
  request.mutable_snapshot()->set_name(name);
  return request;
}

}  // namespace

Result<VmSaved> ask_suspend(const OpContext& ctx, const VmDirectory& vm) {
  ControlRequest request;
  request.set_type("suspend");
  return ask_save(ctx, vm, request);
}

Result<VmSaved> ask_save_snapshot(const OpContext& ctx, const VmDirectory& vm, const std::string& name,
                                  const std::string& description) {
  auto request = snapshot_request("save", name);
  request.mutable_snapshot()->set_description(description);
  return ask_save(ctx, vm, request);
}

Result<VmDiskSaved> ask_save_disks(const OpContext& ctx, const VmDirectory& vm, const std::string& name,
                                   const std::string& description, std::chrono::milliseconds freeze) {
  ControlRequest request;
  request.set_type("disk-snapshot");
  auto& command = *request.mutable_disk_snapshot();
  command.set_action("save");
  command.set_name(name);
  command.set_description(description);
  command.set_freeze_ms(static_cast<std::uint64_t>(freeze.count()));
  const auto response = COVE_TRY(call_save(ctx, vm, request));
  return VmDiskSaved{saved_from(response), response.saved().frozen(), response.saved().not_frozen_why()};
}

Result<void> ask_delete_snapshot(const OpContext& ctx, const VmDirectory& vm, const std::string& name) {
  COVE_TRY(ask(ctx.with_timeout(kQuick), vm, snapshot_request("delete", name)));
  return {};
}

Result<VmSaved> ask_fork_base(const OpContext& ctx, const VmDirectory& vm) {
  ControlRequest request;
  request.set_type("fork-base");
  return ask_save(ctx, vm, request);
}

Result<void> ask_open_forward(const OpContext& ctx, const VmDirectory& vm, const PortForward& forward) {
  ControlRequest request;
  request.set_type("port-forward");
  auto& command = *request.mutable_port_forward();
  command.set_action("start");
  command.set_host_address(forward.host_address);
  command.set_host_port(forward.host_port);
  command.set_guest_port(forward.guest_port);
  command.set_lasting(true);
  COVE_TRY(ask(ctx.with_timeout(kQuick), vm, request));
  return {};
}

Result<void> ask_close_forward(const OpContext& ctx, const VmDirectory& vm, std::uint16_t port) {
  ControlRequest request;
  request.set_type("port-forward");
  auto& command = *request.mutable_port_forward();
  command.set_action("stop");
  command.set_host_port(port);
  command.set_lasting(true);
  COVE_TRY(ask(ctx.with_timeout(kQuick), vm, request));
  return {};
}

Result<WaitOutcome> ask_wait(const OpContext& ctx, const VmDirectory& vm, std::string_view fact,
                             std::chrono::nanoseconds timeout) {
  const auto deadline = Deadline::after(timeout);
  SystemClock clock;
  for (;;) {
    auto client = ControlClient::connect(ctx.with_deadline(deadline), vm);
    if (!client.ok()) {
      // A supervisor that is starting has its lock before its socket.
      const bool denied = client.error().code() == Code::kPermissionDenied;
      if (denied || !vm.observe().has_supervisor()) return std::move(client).error();
      if (deadline.expired()) return WaitOutcome{.missing = {"process"}};
      COVE_TRY(clock.sleep(ctx, std::chrono::milliseconds(20)));
      continue;
    }
    ControlRequest request;
    request.set_type("wait");
    request.mutable_wait()->set_fact(std::string(fact));
    request.mutable_wait()->set_timeout_ms(milliseconds(deadline.remaining().value_or(timeout)));
    const auto proof = std::clamp<std::chrono::nanoseconds>(timeout, std::chrono::seconds(1), kProof);
    const auto response = COVE_TRY(ask_long(ctx.with_timeout(timeout + kSlack), vm, *client, request, proof));
    const auto& wait = response.wait();
    return WaitOutcome{.met = wait.met(),
                       .state = machine_state_from(wait.state()).value_or(MachineState::kRunning),
                       .reason = wait.reason(),
                       .hint = wait.hint(),
                       .facts = facts_from(wait.facts()),
                       .missing = lines_from(wait.missing()),
                       .console_tail = lines_from(wait.console_tail())};
  }
}

Result<RawStream> attach_console(const OpContext& ctx, const VmDirectory& vm, ConsoleFrom from) {
  auto client = COVE_TRY(ControlClient::connect(ctx.with_timeout(kQuick), vm));
  ControlRequest request;
  request.set_type("console-attach");
  if (from == ConsoleFrom::kBeginning) request.mutable_console()->set_replay_bytes(kConsoleReplay);
  COVE_TRY(client.call(ctx.with_timeout(kQuick), request));
  return std::move(client).into_stream();
}

}  // namespace cove
