#include "supervisor/command_executor.h"

#include "base/strings.h"
#include "control/ask.h"
#include "proto/control.pb.h"
#include "supervisor/agent_commands.h"
#include "supervisor/port_forwards.h"
#include "supervisor/state_commands.h"
#include "supervisor/status_report.h"

namespace cove {
namespace {

constexpr auto kAgentPatience = std::chrono::seconds(5);
constexpr auto kDefaultStop = std::chrono::seconds(60);

Result<StopRequest> stop_request(const ControlRequest& request) {
  StopRequest stop;
  // Without arguments: the original's hard stop.
  stop.manner = StopRequest::Manner::kForce;
  stop.timeout = kDefaultStop;
  if (!request.has_stop()) return stop;
  const auto& command = request.stop();
  if (command.mode() == "ask") {
    stop.manner = StopRequest::Manner::kAsk;
  } else if (command.mode() == "acpi") {
    stop.manner = StopRequest::Manner::kButton;
  } else if (command.mode() != "force" && !command.mode().empty()) {
    return Error(Code::kInvalidArgument, "unknown stop mode: " + command.mode());
  }
  constexpr std::uint64_t kLongest = 24ULL * 3600 * 1000;
  if (command.timeout_ms() > kLongest) return Error(Code::kInvalidArgument, "stop timeout over a day");
  if (command.timeout_ms() > 0) stop.timeout = std::chrono::milliseconds(command.timeout_ms());
  return stop;
}

bool is_agent_verb(const Verb& verb) { return verb.name.rfind("agent-", 0) == 0; }

}  // namespace

Result<void> CommandExecutor::check_state(const OpContext& ctx, const Verb& verb) {
  if (verb.states == kAnyState) return {};
  const MachineState state = COVE_TRY(take_snapshot(ctx, supervisor_)).state;
  if ((verb.states & state_bit(state)) != 0) return {};
  const std::string word(to_string(state));
  if (is_agent_verb(verb)) {
    const char* booting = state == MachineState::kStarting ? " (still booting)" : "";
    return Error(Code::kFailedPrecondition, "guest agent unavailable: vm is " + word + booting);
  }
  return Error(Code::kFailedPrecondition, "cannot " + std::string(verb.name) + " VM in state: " + word);
}

Result<ControlResponse> CommandExecutor::handle(const OpContext& ctx, const Verb& verb,
                                                const ControlRequest& request, ControlReply& reply) {
  COVE_TRY(check_state(ctx, verb));
  return dispatch(ctx, verb, request, reply);
}

Result<ControlResponse> CommandExecutor::dispatch(const OpContext& ctx, const Verb& verb,
                                                  const ControlRequest& request, ControlReply& reply) {
  switch (verb.id) {
    case VerbId::kPing:
      return message_response("pong");
    case VerbId::kStatus:
      return report_status(ctx, supervisor_);
    case VerbId::kCapabilities:
      return report_capabilities(supervisor_);
    case VerbId::kMetrics:
      return report_metrics(supervisor_);
    case VerbId::kWait:
      return wait(ctx, request);
    case VerbId::kPause:
    case VerbId::kResume:
    case VerbId::kStop:
    case VerbId::kRequestStop:
    case VerbId::kRestart:
      return power(ctx, verb, request);
    case VerbId::kSuspend:
    case VerbId::kSnapshot:
    case VerbId::kDiskSnapshot:
    case VerbId::kForkBase:
      return serve_state_verb(supervisor_, verb, request);
    case VerbId::kNetworkInfo:
      return report_network(supervisor_);
    case VerbId::kPortForward:
      if (supervisor_.network() == nullptr) {
        return Error(Code::kFailedPrecondition, "this vm has no network to forward to");
      }
      return port_forward(ctx, request);
    case VerbId::kConsoleAttach:
      return console_attach(request, reply);
    case VerbId::kAgentConnect:
      COVE_TRY(supervisor_.agent().reconnect(ctx));
      return message_response("connected to guest agent");
    case VerbId::kAgentStatus:
      return report_agent(supervisor_);
    default:
      break;
  }
  // The first moments of a boot belong to the wait; a guest without an agent is named as such.
  const auto there = supervisor_.facts().wait(ctx.with_timeout(kAgentPatience), fact::kAgent);
  const auto& vm_name = supervisor_.name().str();
  if (!there.ok() && there.error().code() == Code::kUnavailable) {
    return Error(there.error()).hint("let it run: cove resume " + vm_name);
  }
  if (!there.ok()) {
    return Error(Code::kUnavailable, "guest agent unavailable: it has not answered")
        .hint("see how far the guest is: cove status " + vm_name);
  }
  auto answer = serve_agent_verb(ctx, supervisor_.agent().client(), verb, request, reply);
  if (answer.ok()) supervisor_.agent().heard();
  return answer;
}

Result<ControlResponse> CommandExecutor::power(const OpContext& ctx, const Verb& verb,
                                               const ControlRequest& request) {
  const StopRequest stop = COVE_TRY(stop_request(request));
  Supervisor& vm = supervisor_;
  const VerbId id = verb.id;
  if (id == VerbId::kStop) return this->stop(ctx, stop);
  COVE_TRY(ask<void>(ctx, vm.loop(), [&vm, id, stop](Done<void> done) {
    VmPower& power = vm.power();
    if (id == VerbId::kPause) return power.pause(std::move(done));
    if (id == VerbId::kResume) {
      if (auto can = vm.check_resumable(); !can.ok()) return done(std::move(can));
      return power.resume(std::move(done));
    }
    if (id == VerbId::kRequestStop) return power.request_stop(std::move(done));
    return power.restart(stop, std::move(done));
  }));
  switch (id) {
    case VerbId::kPause:
      return message_response("paused");
    case VerbId::kResume:
      return message_response("resumed");
    case VerbId::kRequestStop:
      return message_response("stop requested (ACPI power button sent)");
    default:
      return message_response("restarted");
  }
}

Result<ControlResponse> CommandExecutor::stop(const OpContext& ctx, const StopRequest& request) {
  Supervisor& vm = supervisor_;
  const StopEnd end = COVE_TRY(ask<StopEnd>(
      ctx, vm.loop(), [&vm, request](Done<StopEnd> done) { vm.power().stop(request, std::move(done)); }));
  ControlResponse response = message_response("stopped");
  auto& told = *response.mutable_stop();
  told.set_forced(end.forced);
  if (!end.forced) return response;
  told.set_reason(end.why);
  for (auto& line : vm.console().last_lines(kTailLines)) {
    if (!trim(line).empty()) told.set_last_line(std::string(trim(line)));
  }
  return response;
}

Result<ControlResponse> CommandExecutor::wait(const OpContext& ctx, const ControlRequest& request) {
  FactBoard& facts = supervisor_.facts();
  const std::string& name = request.wait().fact();
  if (!facts.knows(name)) {
    std::vector<std::string> known;
    for (const auto& entry : facts.all()) known.push_back(entry.name);
    return Error(Code::kInvalidArgument, "this vm has no fact '" + name + "'; it has: " + join(known, ", "));
  }
  constexpr std::uint64_t kLongest = 7ULL * 24 * 3600 * 1000;
  const auto timeout = std::chrono::milliseconds(std::min(request.wait().timeout_ms(), kLongest));
  const auto waited = facts.wait(ctx.with_timeout(timeout), name);
  const bool still = !waited.ok() && waited.error().code() == Code::kUnavailable;
  const bool late = !waited.ok() && waited.error().code() == Code::kDeadlineExceeded;
  if (!waited.ok() && !still && !late) return waited.error();

  ControlResponse response;
  auto& answer = *response.mutable_wait();
  VmSnapshot now = COVE_TRY(take_snapshot(ctx, supervisor_));
  answer.set_met(waited.ok());
  answer.set_state(std::string(to_string(still ? MachineState::kPaused : now.state)));
  answer.set_reason(std::move(now.reason));
  answer.set_hint(std::move(now.hint));
  add_facts(facts, *answer.mutable_facts());
  for (const auto& entry : answer.facts()) {
    if (!entry.met()) answer.add_missing(entry.name());
    if (entry.name() == name) break;
  }
  if (!waited.ok()) {
    for (auto& line : supervisor_.console().last_lines(kTailLines)) answer.add_console_tail(std::move(line));
  }
  return response;
}

Result<ControlResponse> CommandExecutor::port_forward(const OpContext& ctx, const ControlRequest& request) {
  Supervisor& vm = supervisor_;
  const auto& command = request.port_forward();
  if (!command.lasting()) return serve_port_forward(*vm.network(), command);
  return ask<ControlResponse>(ctx, vm.loop(), [&vm, command](const Done<ControlResponse>& done) {
    done(serve_lasting_forward(*vm.network(), vm.directory(), command));
  });
}

Result<ControlResponse> CommandExecutor::console_attach(const ControlRequest& request, ControlReply& reply) {
  ControlResponse response = message_response("attached");
  ConsoleHub& console = supervisor_.console();
  const std::uint64_t from = console.position(request.console().replay_bytes());
  console.add_reader(COVE_TRY(reply.become_stream(response)), from);
  return response;
}

}  // namespace cove
