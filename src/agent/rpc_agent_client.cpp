#include "agent/rpc_agent_client.h"

#include <algorithm>
#include <chrono>

#include "agent/guest_messages.h"
#include "agent/rpc_exec_session.h"
#include "base/guarded.h"
#include "base/strings.h"
#include "base/thread.h"
#include "proto/agent.pb.h"
#include "proto/cove_agent.pb.h"
#include "rpc/channel.h"

namespace cove {
namespace {

namespace vz = ::vz::agent::v1;
namespace own = ::cove::agent::v1;

constexpr std::uint32_t kApiVersion = 1;
constexpr std::size_t kEntropyBytes = 64;

class Collector final : public ExecSink {
 public:
  explicit Collector(ExecResult& result) : result_(result) {}
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    (stream == ExecStream::kStdout ? result_.out : result_.err).append(bytes);
    return {};
  }

 private:
  ExecResult& result_;
};

class RpcAgentClient final : public GuestAgentClient {
 public:
  RpcAgentClient(AgentConnector connector, std::string version, AgentHandshake handshake)
      : connector_(std::move(connector)), version_(std::move(version)), handshake_(handshake) {}

  Result<AgentHello> hello(const OpContext& ctx, Realm realm) override {
    const auto channel = COVE_TRY(connected(ctx, realm));
    return shake_hands(ctx, *channel, realm);
  }

  Result<std::chrono::nanoseconds> ping(const OpContext& ctx) override {
    const auto channel = COVE_TRY(connected(ctx, Realm::kSystem));
    const auto start = std::chrono::steady_clock::now();
    vz::PingResponse reply;
    COVE_TRY(channel->call(ctx, "/vz.agent.v1.Agent/Ping", vz::PingRequest(), reply));
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - start);
  }

  Result<AgentInfo> info(const OpContext& ctx) override {
    vz::InfoResponse reply;
    COVE_TRY(system_call(ctx, "/vz.agent.v1.Agent/Info", vz::InfoRequest(), reply));
    AgentInfo info;
    info.hostname = reply.hostname();
    info.os_version = reply.os_version();
    info.kernel_version = reply.kernel_version();
    info.arch = reply.arch();
    info.memory_total_bytes = reply.memory_total();
    info.memory_available_bytes = reply.memory_available();
    info.disk_total_bytes = reply.disk_total();
    info.disk_available_bytes = reply.disk_available();
    info.users.assign(reply.users().begin(), reply.users().end());
    info.load_average[0] = reply.load_avg_1();
    info.load_average[1] = reply.load_avg_5();
    info.load_average[2] = reply.load_avg_15();
    info.uptime_seconds = reply.uptime_seconds();
    info.agent_version = reply.agent_version();
    info.agent_commit = reply.agent_commit();
    info.agent_build_date = reply.agent_build_date();
    info.agent_sha256 = reply.agent_sha256();
    return info;
  }

  Result<ExecResult> exec(const OpContext& ctx, Realm realm, const ExecRequest& request,
                          std::string_view input) override {
    ExecRequest wanted = request;
    wanted.standard_input = input.empty() ? ExecRequest::Stdin::kNone : ExecRequest::Stdin::kStream;
    const auto session = COVE_TRY(
        start(ctx, realm, wanted, input.empty() ? internal::Follow::kNothing : internal::Follow::kInput));
    Thread writer;
    const CancelSource over;
    if (!input.empty()) {
      writer = Thread("agent-stdin", [&] {
        // A command that ends without reading all of it is no error.
        const OpContext until_end{over.token(), ctx.deadline};
        if (session->write_stdin(until_end, input).ok()) static_cast<void>(session->close_stdin(until_end));
      });
    }
    ExecResult result;
    Collector collector(result);
    auto end = session->wait(ctx, collector);
    over.cancel();
    writer.join();
    result.end = COVE_TRY(std::move(end));
    return result;
  }

  Result<ExecEnd> exec_stream(const OpContext& ctx, Realm realm, const ExecRequest& request,
                              ExecSink& sink) override {
    ExecRequest wanted = request;
    wanted.standard_input = ExecRequest::Stdin::kNone;
    return COVE_TRY(start(ctx, realm, wanted, internal::Follow::kNothing))->wait(ctx, sink);
  }

  Result<std::unique_ptr<ExecSession>> attach(const OpContext& ctx, Realm realm,
                                              const ExecRequest& request) override {
    return start(ctx, realm, request, internal::Follow::kInput);
  }

  Result<std::string> read_file(const OpContext& ctx, std::string_view guest_path,
                                std::uint64_t max_bytes) override {
    const auto channel = COVE_TRY(connected(ctx, Realm::kSystem));
    vz::CopyOutRequest request;
    request.set_path(std::string(guest_path));
    const auto stream = COVE_TRY(channel->open(ctx, "/vz.agent.v1.Agent/CopyOut"));
    COVE_TRY(stream->write(ctx, request));
    stream->close_send();
    std::string bytes;
    vz::CopyOutChunk chunk;
    while (COVE_TRY(stream->read(ctx, chunk))) {
      if (bytes.size() + chunk.data().size() > max_bytes)
        return Error(Code::kResourceExhausted,
                     std::string(guest_path) + " has more than " + std::to_string(max_bytes) + " bytes");
      bytes += chunk.data();
    }
    return bytes;
  }

  Result<void> write_file(const OpContext& ctx, std::string_view guest_path, std::string_view bytes,
                          std::uint32_t mode) override {
    constexpr std::size_t kChunk = std::size_t{256} << 10U;
    const auto channel = COVE_TRY(connected(ctx, Realm::kSystem));
    const auto stream = COVE_TRY(channel->open(ctx, "/vz.agent.v1.Agent/CopyIn"));
    vz::CopyInChunk chunk;
    chunk.mutable_init()->set_path(std::string(guest_path));
    chunk.mutable_init()->set_mode(mode);
    chunk.mutable_init()->set_create_parents(true);
    COVE_TRY(stream->write(ctx, chunk));
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kChunk, bytes.size()))) {
      chunk.set_data(std::string(bytes.substr(0, kChunk)));
      COVE_TRY(stream->write(ctx, chunk));
    }
    stream->close_send();
    vz::CopyInResponse reply;
    if (!COVE_TRY(stream->read(ctx, reply))) return Error(Code::kInternal, "the agent sent no reply");
    return {};
  }

  Result<void> make_directory(const OpContext& ctx, std::string_view guest_path,
                              std::uint32_t mode) override {
    vz::MkdirRequest request;
    request.set_path(std::string(guest_path));
    request.set_all(true);
    request.set_mode(mode);
    vz::MkdirResponse reply;
    return system_call(ctx, "/vz.agent.v1.Agent/Mkdir", request, reply);
  }

  Result<void> set_clock(const OpContext& ctx) override {
    const auto channel = COVE_TRY(connected(ctx, Realm::kSystem));  // before looking at the clock
    own::SetClockRequest request;
    request.set_entropy(random_bytes(kEntropyBytes));
    request.set_unix_ns(
        std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
    own::SetClockResponse reply;
    return channel->call(ctx, "/cove.agent.v1.Guest/SetClock", request, reply);
  }

  Result<void> ensure_user(const OpContext& ctx, const GuestUser& user) override {
    own::EnsureUserResponse reply;
    return system_call(ctx, "/cove.agent.v1.Guest/EnsureUser", internal::user_request(user), reply);
  }

  Result<void> set_hostname(const OpContext& ctx, std::string_view name) override {
    own::SetHostnameRequest request;
    request.set_name(std::string(name));
    own::SetHostnameResponse reply;
    return system_call(ctx, "/cove.agent.v1.Guest/SetHostname", request, reply);
  }

  Result<std::uint64_t> grow_root(const OpContext& ctx) override {
    own::GrowRootResponse reply;
    COVE_TRY(system_call(ctx, "/cove.agent.v1.Guest/GrowRoot", own::GrowRootRequest(), reply));
    return reply.size_bytes();
  }
  Result<void> sync(const OpContext& ctx) override {
    own::SyncResponse reply;
    return system_call(ctx, "/cove.agent.v1.Guest/Sync", own::SyncRequest(), reply);
  }
  Result<std::vector<ItemOutcome>> set_identity(const OpContext& ctx, const NewIdentity& identity) override {
    own::SetIdentityResponse reply;
    COVE_TRY(
        system_call(ctx, "/cove.agent.v1.Guest/SetIdentity", internal::identity_request(identity), reply));
    return internal::outcomes_of(reply.items());
  }
  Result<std::vector<ItemOutcome>> freeze_filesystems(const OpContext& ctx,
                                                      std::chrono::milliseconds deadline) override {
    own::FreezeFilesystemsRequest request;
    request.set_deadline_ms(static_cast<std::uint32_t>(std::clamp<std::int64_t>(deadline.count(), 1, 60000)));
    own::FreezeFilesystemsResponse reply;
    COVE_TRY(system_call(ctx, "/cove.agent.v1.Guest/FreezeFilesystems", request, reply));
    return internal::outcomes_of(reply.filesystems());
  }
  Result<ThawOutcome> thaw_filesystems(const OpContext& ctx) override {
    own::ThawFilesystemsResponse reply;
    COVE_TRY(system_call(ctx, "/cove.agent.v1.Guest/ThawFilesystems", own::ThawFilesystemsRequest(), reply));
    return internal::thaw_outcome(reply);
  }
  Result<void> shutdown(const OpContext& ctx, Force force) override {
    vz::ShutdownRequest request;
    request.set_force(force == Force::kYes);
    vz::ShutdownResponse reply;
    return system_call(ctx, "/vz.agent.v1.Agent/Shutdown", request, reply);
  }
  Result<void> reboot(const OpContext& ctx) override {
    vz::RebootResponse reply;
    return system_call(ctx, "/vz.agent.v1.Agent/Reboot", vz::RebootRequest(), reply);
  }

 private:
  using Connection = std::shared_ptr<rpc::Channel>;

  Result<std::unique_ptr<ExecSession>> start(const OpContext& ctx, Realm realm, const ExecRequest& request,
                                             internal::Follow follow) {
    return internal::start_session(ctx, COVE_TRY(connected(ctx, realm)), realm, request, follow);
  }

  Result<void> system_call(const OpContext& ctx, std::string_view path,
                           const google::protobuf::MessageLite& request,
                           google::protobuf::MessageLite& reply) {
    return COVE_TRY(connected(ctx, Realm::kSystem))->call(ctx, path, request, reply);
  }

  Result<AgentHello> shake_hands(const OpContext& ctx, rpc::Channel& channel, Realm realm) const {
    own::HelloRequest request;
    request.set_api_version(kApiVersion);
    request.set_host_version(version_);
    own::HelloResponse reply;
    auto called = channel.call(
        ctx, realm == Realm::kSystem ? "/cove.agent.v1.Guest/Hello" : "/cove.agent.v1.UserGuest/Hello",
        request, reply);
    if (!called.ok() && called.error().code() == Code::kUnimplemented)
      return Error(Code::kFailedPrecondition, "the guest's agent is of an older kind")
          .hint("upgrade it, or rebuild the image");
    COVE_TRY(std::move(called));
    if (reply.api_version() < 1 || reply.api_version() > kApiVersion)
      return Error(Code::kFailedPrecondition, "the guest's agent speaks version " +
                                                  std::to_string(reply.api_version()) + ", this program 1");
    AgentHello hello{reply.api_version(), reply.agent_version(), reply.boot_id(), reply.realm_user(), {}};
    hello.features.assign(reply.features().begin(), reply.features().end());
    return hello;
  }

  // The realm's connection, made if there is none that works. Two threads that find none make one each; the
  // later one stays.
  Result<Connection> connected(const OpContext& ctx, Realm realm) {
    const auto index = static_cast<std::size_t>(realm);
    Connection current = connections_.read([&](const Connections& all) { return all.of[index]; });
    if (current && current->usable()) return current;
    current = COVE_TRY(connector_(ctx, realm).context("connecting to the guest agent"));
    if (handshake_ == AgentHandshake::kEachConnection) {
      static_cast<void>(COVE_TRY(shake_hands(ctx, *current, realm).context("connecting to the guest agent")));
    }
    connections_.with([&](Connections& all) { all.of[index] = current; });
    return current;
  }

  struct Connections {
    Connection of[2];
  };
  AgentConnector connector_;
  std::string version_;
  AgentHandshake handshake_;
  Guarded<Connections> connections_;
};

}  // namespace

AgentConnector connect_through(GuestChannel& channel) {
  return [&channel](const OpContext& ctx,
                    GuestAgentClient::Realm realm) -> Result<std::shared_ptr<rpc::Channel>> {
    const bool system = realm == GuestAgentClient::Realm::kSystem;
    UniqueFd fd = COVE_TRY(channel.connect(ctx, system ? kSystemRealmPort : kUserRealmPort));
    rpc::ChannelOptions options;
    options.authority = system ? "vsock-guest" : "vsock-guest-user";
    return std::shared_ptr<rpc::Channel>(COVE_TRY(rpc::Channel::create(std::move(fd), std::move(options))));
  };
}

std::unique_ptr<GuestAgentClient> make_rpc_agent_client(AgentConnector connector, std::string version,
                                                        AgentHandshake handshake) {
  return std::make_unique<RpcAgentClient>(std::move(connector), std::move(version), handshake);
}

GuestAgentClient::Realm realm_of_path(std::string_view path) {
  return path.starts_with("/vz.agent.v1.UserAgent/") || path.starts_with("/cove.agent.v1.User")
             ? GuestAgentClient::Realm::kUser
             : GuestAgentClient::Realm::kSystem;
}

}  // namespace cove
