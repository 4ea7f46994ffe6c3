#include "cli/guest_command.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <optional>

#include "base/strings.h"
#include "cli/agent_call.h"
#include "cli/exec_runner.h"
#include "cli/supervisor_calls.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"
#include "cli/vm_end.h"
#include "control/utf8.h"
#include "format/duration.h"

namespace cove {
namespace {

constexpr int kOwnFailure = 125;
constexpr int kCannotRun = 126;
constexpr int kNoSuchCommand = 127;
constexpr auto kStatusPatience = std::chrono::seconds(5);
constexpr auto kTimeoutSlack = std::chrono::seconds(5);  // the guest ends it; this is for a guest that cannot

Result<std::map<std::string, std::string>> environment_from(Invocation& inv) {
  std::map<std::string, std::string> variables;
  for (const auto& text : inv.flags.texts("env")) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    if (name.empty()) return inv.usage("-env " + text + ": no name before the '='");
    // Names travel as keys of a map, which cannot be bytes; values and all other words can.
    if (!is_utf8(name)) return inv.usage("-env " + text + ": the name is not UTF-8");
    if (equals != std::string::npos) {
      variables[name] = text.substr(equals + 1);
      continue;
    }
    for (const auto& entry : inv.env.variables) {
      if (entry.starts_with(name + "=")) variables[name] = entry.substr(name.size() + 1);
    }
  }
  return variables;
}

bool is_null_device(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3);
}

Result<ExecRequest> make_request(Invocation& inv, std::vector<std::string> arguments, GuestTerminal terminal,
                                 std::chrono::nanoseconds timeout) {
  ExecRequest request;
  request.args = std::move(arguments);
  request.environment = COVE_TRY(environment_from(inv));
  request.working_directory = std::string(inv.flags.text("workdir"));
  request.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
  request.standard_input =
      is_null_device(inv.env.in) ? ExecRequest::Stdin::kNone : ExecRequest::Stdin::kStream;
  if (terminal == GuestTerminal::kYes) {
    if (!is_terminal(inv.env.in)) {
      const bool shell = inv.command.name == "shell";
      return Error(Code::kFailedPrecondition, std::string(shell ? "cove shell" : "cove exec -tty") +
                                                  " needs a terminal, and standard input is not one")
          .hint(shell ? "to run a command without a terminal: cove exec -- COMMAND [ARG...]"
                      : "leave -tty away, or run it from a terminal");
    }
    const auto size = window_size(inv.env.in);
    request.terminal = TerminalSize{.rows = size.rows, .columns = size.columns};
    request.terminal_type = inv.env.terminal_type.empty() ? "xterm" : inv.env.terminal_type;
  }
  return request;
}

// The agent went away under the command: with its VM, or with what its guest did.
Error explain_lost_guest(const VmDirectory& vm, Error error) {
  auto ended = explain_end({}, vm, std::move(error));
  if (ended.code() != Code::kUnavailable) return ended;
  const auto now = ask_status(OpContext().with_timeout(kStatusPatience), vm);
  if (!now.ok()) return ended;
  const auto& name = vm.name().str();
  const auto lost = [&](const std::string& why, const std::string& hint) {
    return Error(Code::kUnavailable, "vm \"" + name + "\" lost the command: " + why)
        .hint(hint + "\nwhat its console said: cove logs " + name);
  };
  if (vm.observe().stopping()) return lost("it is being stopped", "when it is down: cove up " + name);
  if (now->state == MachineState::kPaused)
    return lost("it is paused: " + now->reason, "let it run: cove resume " + name);
  for (const auto& fact : now->facts) {
    if (fact.name != "agent") continue;
    if (!fact.met)
      return lost("its guest reboots or goes down (" + fact.evidence + ")",
                  "wait until it answers again: cove wait " + name);
    return lost("its guest rebooted, or its agent was restarted", "it answers again: run the command anew");
  }
  return ended;
}

Result<ExecEnd> attach_and_run(const Invocation& inv, GuestAgentClient& agent, GuestAgentClient::Realm realm,
                               const ExecRequest& request) {
  const auto deadline =
      request.timeout.count() > 0 ? Deadline::after(request.timeout + kTimeoutSlack) : Deadline();
  // Not the user's cancel: signals are passed on to the command, which ends in its own way.
  const CancelSource kill;
  const PassedSignals signals(request.terminal ? WindowChanges::kTake : WindowChanges::kLeave);
  COVE_TRY(inv.context().check());  // one that came before
  const auto session = COVE_TRY(agent.attach({kill.token(), deadline}, realm, request));
  std::optional<RawTerminal> raw;
  if (request.terminal) raw.emplace(COVE_TRY(RawTerminal::enter(inv.env.in)));
  return run_exec_session(deadline, kill, *session,
                          {.in = request.standard_input == ExecRequest::Stdin::kNone ? -1 : inv.env.in,
                           .out = inv.env.out,
                           .err = inv.env.err,
                           .signals = &signals,
                           .terminal = request.terminal ? inv.env.in : -1});
}

}  // namespace

Result<int> run_guest_command(Invocation& inv, std::vector<std::string> arguments, GuestTerminal terminal,
                              std::chrono::nanoseconds timeout) {
  inv.failure_status = kOwnFailure;
  auto request = COVE_TRY(make_request(inv, std::move(arguments), terminal, timeout));
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto identity = identity_for(inv.flags.text("user"), COVE_TRY(vm.load_config()));
  request.user = identity.user;
  const auto agent = COVE_TRY(connect_agent(inv.context(), vm, *inv.flags.duration("wait")));
  auto end = attach_and_run(inv, *agent, identity.realm, request);
  if (end.ok()) {
    if (end->reason == ExecEnd::Reason::kTimeout)
      inv.out.note("cove: " + printable(shell_quote(request.args.front())) + " was ended after " +
                   format_duration(timeout) + ", its -timeout");
    return exec_exit_status(*end);
  }
  if (end.error().code() == Code::kUnavailable) return explain_lost_guest(vm, std::move(end).error());
  if (end.error().code() == Code::kNotFound) inv.failure_status = kNoSuchCommand;
  if (end.error().code() == Code::kPermissionDenied) inv.failure_status = kCannotRun;
  if (end.error().code() != Code::kDeadlineExceeded || timeout.count() == 0) return std::move(end).error();
  inv.failure_status = kTimedOut;
  return Error(Code::kDeadlineExceeded, shell_quote(request.args.front()) + " was to end after " +
                                            format_duration(timeout) +
                                            ", and the guest does not say that it did")
      .hint("how it is: cove status " + vm.name().str());
}

}  // namespace cove
