#include "supervisor/agent_commands.h"

#include "base/json.h"
#include "base/strings.h"
#include "proto/control.pb.h"
#include "supervisor/agent_copy.h"
#include "supervisor/status_report.h"

namespace cove {
namespace {

using Realm = GuestAgentClient::Realm;
using vz::control::v1::AgentExecCommand;

constexpr std::uint64_t kMaxReadBytes = std::uint64_t{64} << 20U;
constexpr std::size_t kChunkBytes = std::size_t{32} << 10U;

Realm realm_of(const Verb& verb) {
  const bool user = verb.id == VerbId::kAgentUserExec || verb.id == VerbId::kAgentUserExecStream;
  return user ? Realm::kUser : Realm::kSystem;
}

Result<ExecRequest> exec_request(const AgentExecCommand& command) {
  if (command.args().empty()) return Error(Code::kInvalidArgument, "args required");
  ExecRequest request;
  request.args = {command.args().begin(), command.args().end()};
  request.environment = {command.env().begin(), command.env().end()};
  request.working_directory = command.working_dir();
  request.user = command.user();
  request.timeout = std::chrono::milliseconds(command.timeout_ms());
  if (!command.stdin().empty()) request.standard_input = ExecRequest::Stdin::kStream;
  return request;
}

Result<ControlResponse> exec(const OpContext& ctx, GuestAgentClient& agent, const Verb& verb,
                             const AgentExecCommand& command) {
  const ExecResult result =
      COVE_TRY(agent.exec(ctx, realm_of(verb), COVE_TRY(exec_request(command)), command.stdin()));
  const double seconds = std::chrono::duration<double>(result.end.duration).count();
  ControlResponse response;
  auto& typed = *response.mutable_agent_exec_result();
  typed.set_exit_code(result.end.status.shell_status());
  typed.set_stdout(result.out);
  typed.set_stderr(result.err);
  typed.set_duration_seconds(seconds);
  response.set_data(Json::object({{"duration", seconds},
                                  {"exitCode", result.end.status.shell_status()},
                                  {"stderr", result.err},
                                  {"stdout", result.out}})
                        .dump());
  auto& detail = *response.mutable_agent_exec_detail();
  detail.set_signal(static_cast<std::uint32_t>(result.end.status.signal));
  detail.set_timed_out(result.end.reason == ExecEnd::Reason::kTimeout);
  detail.set_stdout(result.out);
  detail.set_stderr(result.err);
  return response;
}

class LineSink final : public ExecSink {
 public:
  explicit LineSink(ControlReply& reply) : reply_(reply) {}
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    const char* name = stream == ExecStream::kStdout ? "stdout" : "stderr";
    while (!bytes.empty()) {
      const std::string_view chunk = bytes.substr(0, kChunkBytes);
      bytes.remove_prefix(chunk.size());
      ControlResponse response;
      response.set_success(true);
      response.set_data(Json::object({{"data", base64_encode(chunk)}, {"stream", name}}).dump());
      COVE_TRY(reply_.send(response));
    }
    return {};
  }

 private:
  ControlReply& reply_;
};

Result<ControlResponse> exec_stream(const OpContext& ctx, GuestAgentClient& agent, const Verb& verb,
                                    const AgentExecCommand& command, ControlReply& reply) {
  LineSink sink(reply);
  const ExecRequest request = COVE_TRY(exec_request(command));
  if (request.standard_input == ExecRequest::Stdin::kStream) {
    return Error(Code::kInvalidArgument, "a stream of output takes no stdin here: use agent.sock");
  }
  const ExecEnd end = COVE_TRY(agent.exec_stream(ctx, realm_of(verb), request, sink).context("exec stream"));
  ControlResponse response;
  response.set_data(Json::object({{"done", true}, {"exitCode", end.status.shell_status()}}).dump());
  return response;
}

Result<ControlResponse> info(const OpContext& ctx, GuestAgentClient& agent) {
  const AgentInfo guest = COVE_TRY(agent.info(ctx));
  Json raw = Json::object();
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) raw.set(name, value);
  };
  const auto number = [&](const char* name, std::uint64_t value) {
    if (value != 0) raw.set(name, value);
  };
  text("hostname", guest.hostname);
  text("os_version", guest.os_version);
  text("kernel_version", guest.kernel_version);
  text("arch", guest.arch);
  number("memory_total", guest.memory_total_bytes);
  number("memory_available", guest.memory_available_bytes);
  number("disk_total", guest.disk_total_bytes);
  number("disk_available", guest.disk_available_bytes);
  Json users = Json::array();
  for (const auto& user : guest.users) users.push_back(user);
  if (!guest.users.empty()) raw.set("users", users);
  const char* load_names[] = {"load_avg_1", "load_avg_5", "load_avg_15"};
  for (std::size_t i = 0; i < 3; ++i) {
    if (guest.load_average[i] != 0) raw.set(load_names[i], guest.load_average[i]);
  }
  number("uptime_seconds", guest.uptime_seconds);
  text("agent_version", guest.agent_version);
  text("agent_commit", guest.agent_commit);
  text("agent_build_date", guest.agent_build_date);
  text("agent_sha256", guest.agent_sha256);

  ControlResponse response;
  response.set_data(raw.dump());
  auto& typed = *response.mutable_agent_info();
  typed.set_hostname(guest.hostname);
  typed.set_os(guest.os_version);
  typed.set_arch(guest.arch);
  typed.set_version(guest.agent_version);
  typed.set_raw_json(raw.dump());
  return response;
}

Result<ControlResponse> write_file_verb(const OpContext& ctx, GuestAgentClient& agent,
                                        const vz::control::v1::AgentWriteCommand& command) {
  const auto bytes = base64_decode(command.data());
  if (!bytes) return Error(Code::kInvalidArgument, "agent-write: data is not base64");
  COVE_TRY(agent.write_file(ctx, command.path(), *bytes, command.mode() & 0777U).context("write"));
  ControlResponse response;
  response.set_data("ok");
  response.mutable_agent_file()->set_message("ok");
  return response;
}

Result<ControlResponse> read_file_verb(const OpContext& ctx, GuestAgentClient& agent,
                                       const std::string& path) {
  std::string bytes = COVE_TRY(agent.read_file(ctx, path, kMaxReadBytes).context("read"));
  ControlResponse response;
  response.set_data(base64_encode(bytes));
  response.mutable_agent_file()->set_data(std::move(bytes));
  return response;
}

Result<ControlResponse> copy(const OpContext& ctx, GuestAgentClient& agent,
                             const vz::control::v1::AgentCopyCommand& command) {
  const bool to_guest = command.to_guest();
  const std::uint64_t bytes =
      COVE_TRY(to_guest ? copy_file_to_guest(ctx, agent, command.host_path(), command.guest_path(),
                                             command.mode() & 0777U)
                        : copy_file_from_guest(ctx, agent, command.guest_path(), command.host_path()));
  const std::string guest = "guest:" + command.guest_path();
  const std::string text =
      (to_guest ? command.host_path() + " -> " + guest : guest + " -> " + command.host_path()) + " (" +
      std::to_string(bytes) + " bytes)";
  ControlResponse response;
  response.set_data(text);
  response.mutable_agent_file()->set_message(text);
  return response;
}

// A guest that went down before its answer had left took the wish.
Result<void> unless_gone(Result<void> asked) {
  if (!asked.ok() && asked.error().code() == Code::kUnavailable) return {};
  return asked;
}

Result<ControlResponse> ping(const OpContext& ctx, GuestAgentClient& agent) {
  COVE_TRY(agent.ping(ctx));
  const AgentHello hello = COVE_TRY(agent.hello(ctx, Realm::kSystem));
  ControlResponse response;
  response.set_data("agent version: " + hello.agent_version);
  response.mutable_agent_ping()->set_version(hello.agent_version);
  return response;
}

}  // namespace

Result<ControlResponse> serve_agent_verb(const OpContext& ctx, GuestAgentClient& agent, const Verb& verb,
                                         const ControlRequest& request, ControlReply& reply) {
  using Force = GuestAgentClient::Force;
  switch (verb.id) {
    case VerbId::kAgentPing:
      return ping(ctx, agent);
    case VerbId::kAgentInfo:
      return info(ctx, agent);
    case VerbId::kAgentExec:
    case VerbId::kAgentUserExec:
      return exec(ctx, agent, verb, request.agent_exec());
    case VerbId::kAgentExecStream:
    case VerbId::kAgentUserExecStream:
      return exec_stream(ctx, agent, verb, request.agent_exec(), reply);
    case VerbId::kAgentRead:
      return read_file_verb(ctx, agent, request.agent_read().path());
    case VerbId::kAgentWrite:
      return write_file_verb(ctx, agent, request.agent_write());
    case VerbId::kAgentCopy:
      return copy(ctx, agent, request.agent_cp());
    case VerbId::kAgentShutdown:
      COVE_TRY(unless_gone(agent.shutdown(ctx, request.agent_shutdown().force() ? Force::kYes : Force::kNo)));
      return message_response("shutdown initiated");
    case VerbId::kAgentReboot:
      COVE_TRY(unless_gone(agent.reboot(ctx)));
      return message_response("reboot initiated");
    default:
      return Error(Code::kInternal, "no such agent verb: " + std::string(verb.name));
  }
}

}  // namespace cove
