#include "agentd/command_pump.h"
#include "agentd/command_spec.h"
#include "agentd/services.h"
#include "proto/agent.pb.h"

namespace cove::agentd {
namespace {

using vz::agent::v1::ExecOutput;
using vz::agent::v1::ExecRequest;
using vz::agent::v1::ExecResponse;

// What fits into one reply message, with room for its other fields.
constexpr std::size_t kMaxUnaryOutput = std::size_t{15} << 20U;

// What callers of this service were promised: words or a user that make no sense are their mistake, and
// whatever else keeps a command from starting is an internal error that begins with `call`. Attach says more.
Result<Command> start(const Realm& realm, const ExecRequest& request, const std::string& call) {
  CommandRequest wanted;
  wanted.args.assign(request.args().begin(), request.args().end());
  wanted.environment = {request.env().begin(), request.env().end()};
  wanted.user = request.user();
  wanted.working_directory = request.working_dir();
  wanted.default_directory = CommandRequest::DefaultDirectory::kRoot;
  if (wanted.args.empty()) return Error(Code::kInvalidArgument, "args required");
  CommandSpec spec = COVE_TRY(make_spec(realm, std::move(wanted)));
  if (request.has_stdin()) spec.input = CommandSpec::Input::kPipe;
  if (request.tty()) spec.terminal = WindowSize{};
  auto command = Command::start(spec);
  if (command.ok() || command.error().code() == Code::kInvalidArgument) return command;
  return Error(Code::kInternal, call + ": " + command.error().message());
}

PumpOptions pump_options(const ExecRequest& request) {
  PumpOptions options;
  options.input = request.stdin();
  if (request.has_stdin()) options.pump_input = PumpOptions::PumpInput::kYes;
  return options;
}

class Collector final : public OutputSink {
 public:
  explicit Collector(ExecResponse& reply) : reply_(reply) {}
  Result<void> on_output(OutputStream stream, std::string_view bytes) override {
    if (reply_.stdout().size() + reply_.stderr().size() + bytes.size() > kMaxUnaryOutput) {
      return Error(Code::kResourceExhausted, "more than 15 MiB of output").hint("use the streaming call");
    }
    (stream == OutputStream::kOut ? reply_.mutable_stdout() : reply_.mutable_stderr())
        ->append(bytes.data(), bytes.size());
    return {};
  }

 private:
  ExecResponse& reply_;
};

class Streamer final : public OutputSink {
 public:
  Streamer(const OpContext& ctx, rpc::ServerStream& stream) : ctx_(ctx), stream_(stream) {}
  Result<void> on_output(OutputStream stream, std::string_view bytes) override {
    message_.set_stream(stream == OutputStream::kOut ? ExecOutput::STDOUT : ExecOutput::STDERR);
    message_.mutable_data()->assign(bytes.data(), bytes.size());
    return stream_.write(ctx_, message_);
  }

 private:
  const OpContext& ctx_;
  rpc::ServerStream& stream_;
  ExecOutput message_;
};

Result<void> run_unary(const Realm& realm, const OpContext& ctx, const ExecRequest& request,
                       ExecResponse& reply) {
  Command command = COVE_TRY(start(realm, request, "exec"));
  Collector collector(reply);
  const CommandEnd end = COVE_TRY(pump(ctx, command, pump_options(request), collector));
  reply.set_exit_code(end.status.shell_status());
  reply.set_duration_seconds(std::chrono::duration<double>(end.duration).count());
  return {};
}

Result<void> run_stream(const Realm& realm, const OpContext& ctx, const ExecRequest& request,
                        rpc::ServerStream& stream) {
  Command command = COVE_TRY(start(realm, request, "start"));
  Streamer streamer(ctx, stream);
  const CommandEnd end = COVE_TRY(pump(ctx, command, pump_options(request), streamer));
  ExecOutput last;
  last.set_exit_code(end.status.shell_status());
  return stream.write_last(last);
}

}  // namespace

void register_exec_service(rpc::Handlers& handlers, const Realm& realm) {
  const bool system = realm.kind == Realm::Kind::kSystem;
  handlers.unary<ExecRequest, ExecResponse>(
      system ? "/vz.agent.v1.Agent/Exec" : "/vz.agent.v1.UserAgent/UserExec",
      [&realm](const OpContext& ctx, const ExecRequest& request, ExecResponse& reply) {
        return run_unary(realm, ctx, request, reply);
      });
  handlers.server_streaming<ExecRequest>(
      system ? "/vz.agent.v1.Agent/ExecStream" : "/vz.agent.v1.UserAgent/UserExecStream",
      [&realm](const OpContext& ctx, const ExecRequest& request, rpc::ServerStream& stream) {
        return run_stream(realm, ctx, request, stream);
      });
}

}  // namespace cove::agentd
