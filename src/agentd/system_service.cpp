#include <chrono>

#include "agentd/environment.h"
#include "agentd/services.h"
#include "agentd/system_info.h"
#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"
#include "proto/agent.pb.h"

namespace cove::agentd {
namespace {

using namespace vz::agent::v1;

// A tool of the guest, run to its end; its complaint becomes the error.
Result<void> run_tool(const OpContext& ctx, std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  const auto output = COVE_TRY(run_command(ctx, options));
  if (output.status.success()) return {};
  const auto complaint = trim(output.err);
  return Error(Code::kInternal, options.argv[0] + ": " +
                                    (complaint.empty() ? output.status.describe() : std::string(complaint)));
}

Result<void> ping(const Realm& realm, PingResponse& reply) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  reply.mutable_timestamp()->set_seconds(seconds.count());
  reply.mutable_timestamp()->set_nanos(
      static_cast<std::int32_t>(std::chrono::nanoseconds(now - seconds).count()));
  reply.set_version(realm.version);
  return {};
}

Result<void> mount(const OpContext& ctx, const MountRequest& request, MountResponse&) {
  if (request.type().empty() || request.source().empty() || request.destination().empty())
    return Error(Code::kInvalidArgument, "type, source and destination required");
  COVE_TRY(make_directories(request.destination()));
  std::vector<std::string> argv = {"mount", "-t", request.type()};
  const std::vector<std::string> options(request.options().begin(), request.options().end());
  if (!options.empty()) argv.insert(argv.end(), {"-o", join(options, ",")});
  argv.insert(argv.end(), {"--", request.source(), request.destination()});
  return run_tool(ctx, std::move(argv));
}

Result<void> unmount(const OpContext& ctx, const UnmountRequest& request, UnmountResponse&) {
  if (request.path().empty()) return Error(Code::kInvalidArgument, "path required");
  std::vector<std::string> argv = {"umount"};
  if (request.force()) argv.emplace_back("-f");
  argv.insert(argv.end(), {"--", request.path()});
  return run_tool(ctx, std::move(argv));
}

// --no-block: the answer leaves before systemd takes the agent down. The forced kind syncs and goes at once.
std::vector<std::string> power_command(std::string_view verb, bool force) {
  if (force) return {"systemctl", "--force", std::string(verb)};
  return {"systemctl", "--no-block", std::string(verb)};
}

}  // namespace

void register_info_service(rpc::Handlers& handlers, const Realm& realm) {
  const std::string service = "/vz.agent.v1.Agent/";
  handlers.unary<PingRequest, PingResponse>(
      service + "Ping",
      [&realm](const OpContext&, const PingRequest&, PingResponse& reply) { return ping(realm, reply); });
  handlers.unary<InfoRequest, InfoResponse>(
      service + "Info", [&realm](const OpContext&, const InfoRequest&, InfoResponse& reply) -> Result<void> {
        fill_info(realm, reply);
        return {};
      });
}

void register_system_service(rpc::Handlers& handlers) {
  const std::string service = "/vz.agent.v1.Agent/";
  handlers.unary<MountRequest, MountResponse>(service + "Mount", mount);
  handlers.unary<UnmountRequest, UnmountResponse>(service + "Unmount", unmount);
  handlers.unary<ShutdownRequest, ShutdownResponse>(
      service + "Shutdown", [](const OpContext& ctx, const ShutdownRequest& request, ShutdownResponse&) {
        return run_tool(ctx, power_command("poweroff", request.force()));
      });
  handlers.unary<RebootRequest, RebootResponse>(
      service + "Reboot", [](const OpContext& ctx, const RebootRequest&, RebootResponse&) {
        return run_tool(ctx, power_command("reboot", false));
      });
}

}  // namespace cove::agentd
