#include "agent/rpc_exec_session.h"

#include <cstring>

#include "base/strings.h"
#include "proto/cove_agent.pb.h"

namespace cove::internal {
namespace {

using namespace cove::agent::v1;

class RpcExecSession final : public ExecSession {
 public:
  RpcExecSession(std::shared_ptr<rpc::Channel> channel, std::unique_ptr<rpc::ClientStream> stream,
                 std::string signal_method, std::uint64_t command_id)
      : channel_(std::move(channel)),
        stream_(std::move(stream)),
        signal_method_(std::move(signal_method)),
        command_id_(command_id) {}

  Result<ExecEnd> wait(const OpContext& ctx, ExecSink& sink) override {
    AttachOutput message;
    for (;;) {
      if (!COVE_TRY(stream_->read(ctx, message)))
        return Error(Code::kDataLoss, "the agent ended the call without the command's end");
      switch (message.output_case()) {
        case AttachOutput::kStandardOutput:
          COVE_TRY(sink.on_output(ExecStream::kStdout, message.standard_output()));
          break;
        case AttachOutput::kStandardError:
          COVE_TRY(sink.on_output(ExecStream::kStderr, message.standard_error()));
          break;
        case AttachOutput::kExit:
          stream_->close_send();
          return end_of(message.exit());
        case AttachOutput::OUTPUT_NOT_SET:
          break;
      }
    }
  }

  Result<void> write_stdin(const OpContext& ctx, std::string_view bytes) override {
    constexpr std::size_t kChunk = std::size_t{256} << 10U;
    while (!bytes.empty()) {
      const auto chunk = bytes.substr(0, kChunk);
      input_.mutable_standard_input()->assign(chunk.data(), chunk.size());
      COVE_TRY(stream_->write(ctx, input_));
      bytes.remove_prefix(chunk.size());
    }
    return {};
  }
  Result<void> close_stdin(const OpContext& ctx) override {
    input_.set_end_of_input(true);
    return stream_->write(ctx, input_);
  }
  Result<void> resize(const OpContext& ctx, cove::TerminalSize size) override {
    AttachInput message;
    message.mutable_resize()->set_rows(size.rows);
    message.mutable_resize()->set_columns(size.columns);
    return stream_->write(ctx, message);
  }
  Result<void> signal(const OpContext& ctx, int number) override {
    SignalRequest request;
    request.set_command_id(command_id_);
    request.set_signal(static_cast<std::uint32_t>(number));
    SignalResponse reply;
    auto overtaking = channel_->call(ctx, signal_method_, request, reply);
    if (overtaking.ok()) return overtaking;
    const auto code = overtaking.error().code();
    if (code != Code::kNotFound && code != Code::kUnimplemented) return overtaking;
    // A command that is about to start, or an agent that does not know the call: behind the input then.
    AttachInput message;
    message.set_signal(static_cast<std::uint32_t>(number));
    return stream_->write(ctx, message);
  }

 private:
  static ExecEnd end_of(const AttachExit& exit) {
    ExecEnd end;
    end.status = {exit.code(), static_cast<int>(exit.signal())};
    end.reason = exit.timed_out() ? ExecEnd::Reason::kTimeout : ExecEnd::Reason::kEnded;
    end.duration = std::chrono::nanoseconds(exit.duration_ns());
    return end;
  }

  std::shared_ptr<rpc::Channel> channel_;  // outlives the stream
  std::unique_ptr<rpc::ClientStream> stream_;
  std::string signal_method_;
  std::uint64_t command_id_;
  AttachInput input_;  // of the thread that writes input: reused, so that its buffer is
};

AttachInput start_message(const ExecRequest& request, std::uint64_t command_id) {
  AttachInput first;
  AttachStart& start = *first.mutable_start();
  for (const auto& word : request.args) start.add_args(word);
  for (const auto& [name, value] : request.environment) (*start.mutable_env())[name] = value;
  start.set_working_dir(request.working_directory);
  start.set_user(request.user);
  if (request.terminal) {
    start.mutable_terminal()->set_rows(request.terminal->rows);
    start.mutable_terminal()->set_columns(request.terminal->columns);
    start.set_terminal_type(request.terminal_type);
  }
  if (request.timeout.count() > 0) start.set_timeout_ms(static_cast<std::uint64_t>(request.timeout.count()));
  start.set_standard_input(request.standard_input == ExecRequest::Stdin::kStream);
  start.set_command_id(command_id);
  return first;
}

}  // namespace

Result<std::unique_ptr<ExecSession>> start_session(const OpContext& ctx,
                                                   std::shared_ptr<rpc::Channel> channel,
                                                   GuestAgentClient::Realm realm, const ExecRequest& request,
                                                   Follow follow) {
  const std::string service =
      realm == GuestAgentClient::Realm::kSystem ? "/cove.agent.v1.Guest/" : "/cove.agent.v1.UserGuest/";
  std::uint64_t command_id = 0;
  std::memcpy(&command_id, random_bytes(sizeof command_id).data(), sizeof command_id);
  auto stream = COVE_TRY(channel->open(ctx, service + "Attach"));
  const auto started = stream->write(ctx, start_message(request, command_id));
  if (!started.ok() && started.error().code() == Code::kAborted)
    return Error(Code::kInternal, "the agent ended the call before the command started");
  COVE_TRY(started);
  if (follow == Follow::kNothing) stream->close_send();
  return std::unique_ptr<ExecSession>(std::make_unique<RpcExecSession>(std::move(channel), std::move(stream),
                                                                       service + "Signal", command_id));
}

}  // namespace cove::internal
