#include "agent/guest_messages.h"

namespace cove::internal {

namespace own = agent::v1;

own::EnsureUserRequest user_request(const GuestUser& user) {
  own::EnsureUserRequest request;
  request.set_name(user.name);
  if (user.uid) request.set_uid(*user.uid);
  request.set_full_name(user.full_name);
  request.set_shell(user.shell);
  request.set_home(user.home);
  for (const auto& group : user.groups) request.add_groups(group);
  request.set_sudo(user.sudo == GuestUser::Sudo::kWithoutPassword);
  switch (user.password) {
    case GuestUser::Password::kKeep:
      request.set_password(own::EnsureUserRequest::KEEP);
      break;
    case GuestUser::Password::kLock:
      request.set_password(own::EnsureUserRequest::LOCK);
      break;
    case GuestUser::Password::kHash:
      request.set_password(own::EnsureUserRequest::HASH);
      request.set_password_hash(user.password_hash);
      break;
  }
  for (const auto& key : user.ssh_keys) request.add_ssh_keys(key);
  request.set_become_realm_user(user.realm == GuestUser::Realm::kBecome);
  return request;
}

own::SetIdentityRequest identity_request(const NewIdentity& identity) {
  own::SetIdentityRequest request;
  request.set_machine_id(identity.machine_id);
  request.set_hostname(identity.hostname);
  request.set_old_mac(identity.old_mac);
  request.set_mac(identity.mac);
  for (const auto& key : identity.host_keys) {
    auto& added = *request.add_host_keys();
    added.set_name(key.name);
    added.set_private_key(key.private_key);
    added.set_public_key(key.public_key);
  }
  request.set_replace_host_keys(identity.other_host_keys == NewIdentity::OtherHostKeys::kReplace);
  return request;
}

std::vector<ItemOutcome> outcomes_of(const WireOutcomes& items) {
  std::vector<ItemOutcome> outcomes;
  for (const auto& item : items) {
    auto end = ItemOutcome::End::kFailed;
    if (item.end() == own::ItemOutcome::DONE) end = ItemOutcome::End::kDone;
    if (item.end() == own::ItemOutcome::SKIPPED) end = ItemOutcome::End::kSkipped;
    outcomes.push_back({item.item(), end, item.detail()});
  }
  return outcomes;
}

ThawOutcome thaw_outcome(const own::ThawFilesystemsResponse& reply) {
  ThawOutcome outcome;
  if (reply.was() == own::ThawFilesystemsResponse::FROZEN) outcome.was = ThawOutcome::Was::kFrozen;
  if (reply.was() == own::ThawFilesystemsResponse::EXPIRED) outcome.was = ThawOutcome::Was::kExpired;
  outcome.filesystems = outcomes_of(reply.filesystems());
  return outcome;
}

}  // namespace cove::internal
