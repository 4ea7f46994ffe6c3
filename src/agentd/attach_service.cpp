#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>

#include "agentd/command_pump.h"
#include "agentd/command_spec.h"
#include "agentd/services.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/io.h"
#include "base/strings.h"
#include "base/thread.h"
#include "proto/cove_agent.pb.h"

namespace cove::agentd {
namespace {

using namespace cove::agent::v1;

constexpr auto kMaxTimeout = std::chrono::hours(24 * 365);

WindowSize window_size(const TerminalSize& size) {
  const auto clamp = [](std::uint32_t value, std::uint16_t otherwise) {
    return value == 0 || value > 0xffff ? otherwise : static_cast<std::uint16_t>(value);
  };
  return {clamp(size.rows(), 24), clamp(size.columns(), 80)};
}

Result<CommandSpec> attach_spec(const Realm& realm, const AttachStart& start) {
  CommandRequest wanted;
  wanted.args.assign(start.args().begin(), start.args().end());
  if (start.has_terminal())
    wanted.environment["TERM"] = start.terminal_type().empty() ? "xterm" : start.terminal_type();
  for (const auto& [name, value] : start.env()) wanted.environment[name] = value;
  wanted.user = start.user();
  wanted.working_directory = start.working_dir();
  CommandSpec spec = COVE_TRY(make_spec(realm, std::move(wanted)));
  if (start.has_terminal()) spec.terminal = window_size(start.terminal());
  if (start.standard_input()) spec.input = CommandSpec::Input::kPipe;
  return spec;
}

class AttachSink final : public OutputSink {
 public:
  AttachSink(const OpContext& ctx, rpc::ServerStream& stream) : ctx_(ctx), stream_(stream) {}
  Result<void> on_output(OutputStream stream, std::string_view bytes) override {
    (stream == OutputStream::kOut ? message_.mutable_standard_output() : message_.mutable_standard_error())
        ->assign(bytes.data(), bytes.size());
    return stream_.write(ctx_, message_);
  }

 private:
  const OpContext& ctx_;
  rpc::ServerStream& stream_;
  AttachOutput message_;
};

// The commands of one realm that run, by their callers' numbers. Any thread.
class RunningCommands {
 public:
  bool add(std::uint64_t id, const Command& command) {
    return id != 0 && commands_.with([&](auto& commands) { return commands.emplace(id, &command).second; });
  }
  void remove(std::uint64_t id) {
    commands_.with([&](auto& commands) { commands.erase(id); });
  }
  Result<void> signal(const OpContext&, const SignalRequest& request, SignalResponse&) {
    if (request.signal() == 0 || request.signal() >= NSIG)
      return Error(Code::kInvalidArgument, "there is no signal " + std::to_string(request.signal()));
    // Under the lock, which remove() needs before the command may go.
    const bool found = commands_.with([&](auto& commands) {
      const auto command = commands.find(request.command_id());
      if (command != commands.end()) command->second->signal(static_cast<int>(request.signal()));
      return command != commands.end();
    });
    return found ? Result<void>() : Error(Code::kNotFound, "no such command runs");
  }

 private:
  Guarded<std::map<std::uint64_t, const Command*>> commands_;
};

class Listed {
 public:
  Listed(RunningCommands& commands, std::uint64_t id, const Command& command)
      : commands_(commands), id_(commands.add(id, command) ? id : 0) {}
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  ~Listed() {
    if (id_ != 0) commands_.remove(id_);
  }

 private:
  RunningCommands& commands_;
  std::uint64_t id_;
};

// What the client sends after its start, carried by a thread of its own until it ends or `ctx` does.
class InputPump {
 public:
  InputPump(const OpContext& ctx, rpc::ServerStream& stream, Command& command)
      : ctx_(ctx), stream_(stream), command_(command) {}

  void run() {
    AttachInput message;
    for (;;) {
      const auto more = stream_.read(ctx_, message);
      if (!more.ok()) return;  // the handler hears of it by itself
      if (!*more) break;
      if (!take(message)) return;
    }
    end_input();
  }

 private:
  bool take(const AttachInput& message) {
    switch (message.input_case()) {
      case AttachInput::kStandardInput:
        return write_input(message.standard_input());
      case AttachInput::kEndOfInput:
        end_input();
        return true;
      case AttachInput::kResize:
        if (command_.has_terminal()) command_.resize(window_size(message.resize()));
        return true;
      case AttachInput::kSignal:
        if (message.signal() > 0 && message.signal() < NSIG)
          command_.signal(static_cast<int>(message.signal()));
        return true;
      case AttachInput::kStart:
      case AttachInput::INPUT_NOT_SET:
        return true;
    }
    return true;
  }

  // False once ctx ends. A command that has closed its input gets the rest thrown away, as a pipe would.
  bool write_input(std::string_view bytes) {
    while (!bytes.empty() && command_.input() >= 0) {
      const ssize_t count = ::write(command_.input(), bytes.data(), bytes.size());
      if (count >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        if (!wait_ready(ctx_, command_.input(), Ready::kWrite).ok()) return false;
      } else if (errno != EINTR) {
        if (!command_.has_terminal()) command_.close_input();
        return true;
      }
    }
    return true;
  }

  // A terminal's user says the end of input by the control character, and so do we.
  void end_input() {
    if (!command_.has_terminal()) {
      command_.close_input();
    } else if (!ended_) {
      ended_ = true;
      write_input("\x04");
    }
  }

  OpContext ctx_;
  rpc::ServerStream& stream_;
  Command& command_;
  bool ended_ = false;
};

AttachOutput exit_message(const CommandEnd& end) {
  AttachOutput last;
  last.mutable_exit()->set_code(end.status.code);
  last.mutable_exit()->set_signal(static_cast<std::uint32_t>(end.status.signal));
  last.mutable_exit()->set_timed_out(end.reason == CommandEnd::Reason::kTimeout);
  last.mutable_exit()->set_duration_ns(static_cast<std::uint64_t>(end.duration.count()));
  return last;
}

Result<void> attach(const Realm& realm, RunningCommands& running, const OpContext& ctx,
                    rpc::ServerStream& stream) {
  AttachInput first;
  if (!COVE_TRY(stream.read(ctx, first)) || !first.has_start())
    return Error(Code::kInvalidArgument, "the first message must be start");
  const CommandSpec spec = COVE_TRY(attach_spec(realm, first.start()));
  Command command = COVE_TRY(Command::start(spec));
  const Listed listed(running, first.start().command_id(), command);
  PumpOptions options;
  if (first.start().timeout_ms() > 0) {
    options.timeout = Deadline::after(std::chrono::milliseconds(
        std::min<std::uint64_t>(first.start().timeout_ms(), std::chrono::milliseconds(kMaxTimeout).count())));
  }
  const CancelSource over;
  InputPump input(OpContext{over.token(), Deadline()}, stream, command);
  Thread thread;
  if (stream.at_end()) {
    command.close_input();
  } else {
    thread = Thread("agent-input", [&] { input.run(); });
  }
  AttachSink sink(ctx, stream);
  const auto end = pump(ctx, command, options, sink);
  over.cancel();
  // The exit goes out before the input thread is joined: it may take a moment to notice.
  Result<void> sent = end.ok() ? stream.write(ctx, exit_message(*end)) : Result<void>(end.error());
  thread.join();
  return sent;
}

Result<void> hello(const Realm& realm, const HelloRequest& request, HelloResponse& reply) {
  if (request.api_version() < 1) return Error(Code::kInvalidArgument, "api_version required");
  reply.set_api_version(std::min(request.api_version(), kApiVersion));
  reply.set_agent_version(realm.version);
  if (const auto boot = read_file("/proc/sys/kernel/random/boot_id", 64); boot.ok())
    reply.set_boot_id(std::string(trim(*boot)));
  if (const auto identity = realm.identity({}); identity.ok()) reply.set_realm_user(identity->account.name);
  reply.add_features("attach");
  reply.add_features("tree");
  return {};
}

}  // namespace

void register_attach_service(rpc::Handlers& handlers, const Realm& realm) {
  const std::string service =
      realm.kind == Realm::Kind::kSystem ? "/cove.agent.v1.Guest/" : "/cove.agent.v1.UserGuest/";
  handlers.unary<HelloRequest, HelloResponse>(
      service + "Hello", [&realm](const OpContext&, const HelloRequest& request, HelloResponse& reply) {
        return hello(realm, request, reply);
      });
  const auto running = std::make_shared<RunningCommands>();
  handlers.stream(service + "Attach", [&realm, running](const OpContext& ctx, rpc::ServerStream& stream) {
    return attach(realm, *running, ctx, stream);
  });
  handlers.unary<SignalRequest, SignalResponse>(
      service + "Signal", [running](const OpContext& ctx, const SignalRequest& request,
                                    SignalResponse& reply) { return running->signal(ctx, request, reply); });
}

}  // namespace cove::agentd
