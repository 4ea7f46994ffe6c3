#include "agentd/realm.h"

#include <unistd.h>

#include "agentd/environment.h"
#include "base/files.h"

namespace cove::agentd {
namespace {

std::string configured_user(const std::filesystem::path& root) {
  const auto text = read_file(root / kAgentConfigPath, std::size_t{64} << 10U);
  if (!text.ok()) return {};
  const auto config = parse_environment_file(*text);
  const auto user = config.find("user");
  return user == config.end() ? std::string() : user->second;
}

const Account* first_person(const Accounts& accounts) {
  const Account* first = nullptr;
  for (const auto& user : accounts.users()) {
    if (is_person(user.uid) && (first == nullptr || user.uid < first->uid)) first = &user;
  }
  return first;
}

}  // namespace

Result<Identity> Realm::identity(std::string_view user) const {
  const Accounts accounts = COVE_TRY(Accounts::read(root));
  if (kind == Kind::kSystem) {
    return accounts.identity(user.empty() ? std::to_string(::geteuid()) : std::string(user));
  }
  std::string own = configured_user(root);
  if (own.empty()) {
    const Account* person = first_person(accounts);
    if (person == nullptr)
      return Error(Code::kFailedPrecondition, "the guest has no user but root")
          .hint("make one with cove up -user NAME, or run as root with -user root");
    own = person->name;
  }
  if (!user.empty() && user != own)
    return Error(Code::kPermissionDenied, "commands run as " + own + " here, not as " + std::string(user));
  return accounts.identity(own);
}

}  // namespace cove::agentd
