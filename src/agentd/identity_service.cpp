// SetIdentity, and the freezing of file systems: what saved states ask of a guest.
#include <algorithm>
#include <memory>

#include "agentd/aftermath.h"
#include "agentd/fs_freezer.h"
#include "agentd/hardware_address.h"
#include "agentd/identity.h"
#include "agentd/services.h"
#include "proto/cove_agent.pb.h"

namespace cove::agentd {
namespace {

using namespace cove::agent::v1;

// The answer's items, one by one.
class Items {
 public:
  explicit Items(SetIdentityResponse& reply) : reply_(reply) {}
  void add(const char* name, const Result<Change>& outcome,
           const std::string& if_none = "it was so already") {
    auto& item = *reply_.add_items();
    item.set_item(name);
    if (!outcome.ok()) {
      item.set_end(cove::agent::v1::ItemOutcome::FAILED);
      item.set_detail(outcome.error().message());
    } else if (*outcome == Change::kNone) {
      item.set_end(cove::agent::v1::ItemOutcome::SKIPPED);
      item.set_detail(if_none);
    }
  }

 private:
  SetIdentityResponse& reply_;
};

class IdentitySetter {
 public:
  explicit IdentitySetter(std::filesystem::path root) : root_(std::move(root)), aftermath_(root_) {}

  Result<void> set(const SetIdentityRequest& request, SetIdentityResponse& reply) {
    Items items(reply);
    Aftermath::Work work;
    if (!request.machine_id().empty()) {
      const auto set = set_machine_id(root_, request.machine_id());
      if (set.ok() && *set == Change::kDone && root_ == "/") work.journal = Aftermath::Work::Journal::kMoves;
      items.add("machine-id", set);
    }
    if (!request.hostname().empty()) items.add("hostname", name_host(root_, request.hostname()));
    if (!request.mac().empty()) set_mac(request, items, work);
    if (request.host_keys_size() > 0 || request.replace_host_keys()) set_keys(request, items, work);
    aftermath_.start(work);
    return {};
  }

 private:
  void set_mac(const SetIdentityRequest& request, Items& items, Aftermath::Work& work) {
    if (root_ != "/") return items.add("mac", Change::kNone, "this is no machine of its own");
    const auto interface = find_interface(request.old_mac());
    if (!interface.ok()) {
      // Told twice, or restored by the guest itself: what counts is that it has the new one.
      const auto already = find_interface(request.mac());
      return items.add("mac", already.ok() ? Result<Change>(Change::kNone) : interface.error());
    }
    const auto set = set_hardware_address(*interface, request.mac());
    if (set.ok()) work.interface = *interface;
    items.add("mac", set);
  }

  void set_keys(const SetIdentityRequest& request, Items& items, Aftermath::Work& work) {
    std::vector<HostKey> keys;
    for (const auto& key : request.host_keys())
      keys.push_back({key.name(), key.private_key(), key.public_key()});
    const auto others = request.replace_host_keys() ? OtherKeys::kRemove : OtherKeys::kKeep;
    const bool rsa_due = aftermath_.give_up_rsa_key();
    const bool rsa_before = has_rsa_host_key(root_);
    const bool rsa_given =
        std::any_of(keys.begin(), keys.end(), [](const HostKey& key) { return key.name == kRsaHostKey; });
    const auto put = put_host_keys(root_, keys, others);
    if (!put.ok() && put.error().code() == Code::kNotFound)
      return items.add("host-keys", Change::kNone, put.error().message());
    items.add("host-keys", put);
    if (others == OtherKeys::kRemove && (rsa_before || rsa_due) && !rsa_given)
      work.rsa = Aftermath::Work::RsaKey::kMake;
    if (put.ok() && *put == Change::kDone) items.add("sshd", tell_sshd(root_), "none runs");
  }

  std::filesystem::path root_;
  Aftermath aftermath_;
};

template <typename Items>
void fill(const std::vector<FreezeItem>& items, Items& out) {
  for (const auto& item : items) {
    auto& added = *out.Add();
    added.set_item(item.point);
    added.set_detail(item.detail);
    added.set_end(static_cast<cove::agent::v1::ItemOutcome::End>(item.end));
  }
}

Result<void> freeze(FsFreezer& freezer, const OpContext& ctx, const FreezeFilesystemsRequest& request,
                    FreezeFilesystemsResponse& reply) {
  const auto items = COVE_TRY(freezer.freeze(ctx, std::chrono::milliseconds(request.deadline_ms())));
  fill(items, *reply.mutable_filesystems());
  return {};
}

void thaw(FsFreezer& freezer, ThawFilesystemsResponse& reply) {
  const ThawReport report = freezer.thaw();
  reply.set_was(static_cast<ThawFilesystemsResponse::State>(report.was));
  fill(report.items, *reply.mutable_filesystems());
}

}  // namespace

void register_identity_service(rpc::Handlers& handlers, const Realm& realm) {
  const auto setter = std::make_shared<IdentitySetter>(realm.root);
  handlers.unary<SetIdentityRequest, SetIdentityResponse>(
      "/cove.agent.v1.Guest/SetIdentity",
      [setter](const OpContext&, const SetIdentityRequest& request, SetIdentityResponse& reply) {
        return setter->set(request, reply);
      });
}

void register_freeze_service(rpc::Handlers& handlers, const Realm& realm) {
  const auto freezer = std::make_shared<FsFreezer>(realm.root == "/" ? FreezeCalls::of_this_machine()
                                                                     : FreezeCalls::of_nothing());
  const std::string service = "/cove.agent.v1.Guest/";
  handlers.unary<FreezeFilesystemsRequest, FreezeFilesystemsResponse>(
      service + "FreezeFilesystems",
      [freezer](const OpContext& ctx, const FreezeFilesystemsRequest& request,
                FreezeFilesystemsResponse& reply) { return freeze(*freezer, ctx, request, reply); });
  handlers.unary<ThawFilesystemsRequest, ThawFilesystemsResponse>(
      service + "ThawFilesystems",
      [freezer](const OpContext&, const ThawFilesystemsRequest&,
                ThawFilesystemsResponse& reply) -> Result<void> {
        thaw(*freezer, reply);
        return {};
      });
}

}  // namespace cove::agentd
