#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "agentd/grow_root.h"
#include "agentd/identity.h"
#include "agentd/services.h"
#include "agentd/user_editor.h"
#include "base/files.h"
#include "base/strings.h"
#include "proto/cove_agent.pb.h"

namespace cove::agentd {
namespace {

using namespace cove::agent::v1;

constexpr std::size_t kMaxEntropyBytes = 512;

// Credits the bytes to the kernel's generator and has it draw new keys from them at once.
Result<void> reseed(const std::string& entropy) {
  if (entropy.empty()) return {};
  if (entropy.size() > kMaxEntropyBytes)
    return Error(Code::kInvalidArgument, "more than 512 bytes of entropy");
  // rand_pool_info: bits, bytes, then the bytes.
  const int head[2] = {static_cast<int>(entropy.size() * 8), static_cast<int>(entropy.size())};
  alignas(rand_pool_info) char pool[sizeof head + kMaxEntropyBytes];
  std::memcpy(pool, head, sizeof head);
  std::memcpy(pool + sizeof head, entropy.data(), entropy.size());
  const UniqueFd fd = COVE_TRY(open_file("/dev/urandom", O_WRONLY));
  if (::ioctl(fd.get(), RNDADDENTROPY, pool) < 0) return Error::from_errno(errno, "adding entropy");
  if (::ioctl(fd.get(), RNDRESEEDCRNG) < 0 && errno != ENODATA)
    return Error::from_errno(errno, "reseeding the generator");
  return {};
}

Result<void> set_clock(const OpContext&, const SetClockRequest& request, SetClockResponse& reply) {
  using std::chrono::nanoseconds;
  if (request.unix_ns() <= 0) return Error(Code::kInvalidArgument, "unix_ns required");
  const nanoseconds wanted(request.unix_ns());
  const auto now = nanoseconds(std::chrono::system_clock::now().time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wanted);
  const timespec time{static_cast<time_t>(seconds.count()), static_cast<long>((wanted - seconds).count())};
  const int failed = ::clock_settime(CLOCK_REALTIME, &time) < 0 ? errno : 0;
  COVE_TRY(reseed(request.entropy()));  // also when the clock cannot be set
  if (failed != 0) return Error::from_errno(failed, "setting the clock");
  reply.set_offset_ns((wanted - now).count());
  return {};
}

UserWish wish_of(const EnsureUserRequest& request) {
  UserWish wish;
  wish.name = request.name();
  if (request.has_uid()) wish.uid = request.uid();
  wish.full_name = request.full_name();
  wish.shell = request.shell();
  wish.home = request.home();
  wish.groups.assign(request.groups().begin(), request.groups().end());
  if (request.sudo()) wish.sudo = UserWish::Sudo::kWithoutPassword;
  if (request.password() == EnsureUserRequest::LOCK) wish.password = UserWish::Password::kLock;
  if (request.password() == EnsureUserRequest::HASH) wish.password = UserWish::Password::kHash;
  wish.password_hash = request.password_hash();
  wish.ssh_keys.assign(request.ssh_keys().begin(), request.ssh_keys().end());
  return wish;
}

Result<void> ensure_account(const Realm& realm, const OpContext& ctx, const EnsureUserRequest& request,
                            EnsureUserResponse& reply) {
  const auto outcome = COVE_TRY(ensure_user(ctx, realm.root, wish_of(request)));
  reply.set_uid(outcome.uid);
  reply.set_gid(outcome.gid);
  reply.set_created(outcome.kind == UserOutcome::Kind::kCreated);
  if (!request.become_realm_user()) return {};
  COVE_TRY(make_directories((realm.root / kAgentConfigPath).parent_path()));
  return write_file_atomic(realm.root / kAgentConfigPath, "user=" + request.name() + "\n");
}

Result<void> grow(const OpContext& ctx, const GrowRootRequest&, GrowRootResponse& reply) {
  const auto outcome = COVE_TRY(grow_root(ctx));
  reply.set_size_bytes(outcome.bytes);
  reply.set_grown(outcome.change == GrowOutcome::Change::kGrown);
  return {};
}

}  // namespace

void register_guest_service(rpc::Handlers& handlers, const Realm& realm) {
  const std::string service = "/cove.agent.v1.Guest/";
  handlers.unary<SetClockRequest, SetClockResponse>(service + "SetClock", set_clock);
  handlers.unary<ReseedRequest, ReseedResponse>(
      service + "Reseed", [](const OpContext&, const ReseedRequest& request, ReseedResponse&) {
        return reseed(request.entropy());
      });
  handlers.unary<EnsureUserRequest, EnsureUserResponse>(
      service + "EnsureUser",
      [&realm](const OpContext& ctx, const EnsureUserRequest& request, EnsureUserResponse& reply) {
        return ensure_account(realm, ctx, request, reply);
      });
  handlers.unary<SetHostnameRequest, SetHostnameResponse>(
      service + "SetHostname",
      [&realm](const OpContext&, const SetHostnameRequest& request, SetHostnameResponse&) -> Result<void> {
        COVE_TRY(name_host(realm.root, request.name()));
        return {};
      });
  handlers.unary<SyncRequest, SyncResponse>(
      service + "Sync", [](const OpContext&, const SyncRequest&, SyncResponse&) -> Result<void> {
        ::sync();
        return {};
      });
  handlers.unary<GrowRootRequest, GrowRootResponse>(service + "GrowRoot", grow);
}

}  // namespace cove::agentd
