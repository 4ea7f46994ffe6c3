// The guest's accounts, read from passwd(5) and group(5) files by ourselves: a static program has no name
// service. Values and pure parsing; any thread. Files are those of a trusted guest, but lines may be broken:
// such lines are skipped.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::agentd {

struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string full_name;
  std::string home;
  std::string shell;
};

struct Group {
  std::string name;
  gid_t gid = 0;
  std::vector<std::string> members;
};

// Who a command runs as.
struct Identity {
  Account account;
  std::vector<gid_t> groups;  // supplementary ones, without the primary one
};

std::vector<Account> parse_passwd(std::string_view text);
std::vector<Group> parse_group(std::string_view text);

// An account for a person: 1000 <= uid < 60000, or 65536 and more (directory services).
bool is_person(uid_t uid);

class Accounts final {
 public:
  // `root` is the guest's root folder: "/" but in tests.
  static Result<Accounts> read(const std::filesystem::path& root);
  const std::vector<Account>& users() const { return users_; }
  const std::vector<Group>& groups() const { return groups_; }
  const Account* find(std::string_view name) const;
  const Account* find(uid_t uid) const;
  // By name, or by number. kNotFound names the user.
  Result<Identity> identity(std::string_view user) const;

 private:
  std::vector<Account> users_;
  std::vector<Group> groups_;
};

}  // namespace cove::agentd
