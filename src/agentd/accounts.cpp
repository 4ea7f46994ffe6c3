#include "agentd/accounts.h"

#include <limits>

#include "base/files.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

std::optional<std::uint32_t> parse_id(std::string_view text) {
  const auto value = parse_u64(text);
  if (!value || *value >= std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

}  // namespace

std::vector<Account> parse_passwd(std::string_view text) {
  std::vector<Account> users;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 7 || fields[0].empty()) continue;
    const auto uid = parse_id(fields[2]);
    const auto gid = parse_id(fields[3]);
    if (!uid || !gid) continue;
    users.push_back({std::string(fields[0]), *uid, *gid, std::string(split(fields[4], ',').front()),
                     std::string(fields[5]), std::string(fields[6])});
  }
  return users;
}

std::vector<Group> parse_group(std::string_view text) {
  std::vector<Group> groups;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 4 || fields[0].empty()) continue;
    const auto gid = parse_id(fields[2]);
    if (!gid) continue;
    Group group{std::string(fields[0]), *gid, {}};
    for (const auto member : split(fields[3], ',')) {
      if (!member.empty()) group.members.emplace_back(member);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

bool is_person(uid_t uid) { return (uid >= 1000 && uid < 60000) || (uid >= 65536 && uid < 0x7fff0000U); }

Result<Accounts> Accounts::read(const std::filesystem::path& root) {
  Accounts accounts;
  accounts.users_ = parse_passwd(COVE_TRY(read_file(root / "etc/passwd")));
  accounts.groups_ = parse_group(COVE_TRY(read_file(root / "etc/group")));
  return accounts;
}

const Account* Accounts::find(std::string_view name) const {
  for (const auto& user : users_)
    if (user.name == name) return &user;
  return nullptr;
}

const Account* Accounts::find(uid_t uid) const {
  for (const auto& user : users_)
    if (user.uid == uid) return &user;
  return nullptr;
}

Result<Identity> Accounts::identity(std::string_view user) const {
  const Account* account = find(user);
  if (account == nullptr) {
    if (const auto uid = parse_id(user)) account = find(*uid);
  }
  if (account == nullptr)
    return Error(Code::kInvalidArgument, "no user " + shell_quote(user) + " in the guest");
  Identity identity{*account, {}};
  for (const auto& group : groups_) {
    if (group.gid == account->gid) continue;
    for (const auto& member : group.members) {
      if (member == account->name) identity.groups.push_back(group.gid);
    }
  }
  return identity;
}

}  // namespace cove::agentd
