// The guest's account files, its environment files and what the host wants of an account: lines that are not
// touched stay as they are, and what is accepted cannot add a line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agentd/account_tables.h"
#include "agentd/accounts.h"
#include "agentd/environment.h"
#include "agentd/user_editor.h"

using namespace cove::agentd;

namespace {

void edit(std::string_view text) {
  AccountTables tables;
  for (auto* table : {&tables.passwd, &tables.shadow, &tables.group}) *table = AccountTable::parse(text);
  tables.gshadow = AccountTable::parse(text);
  // A text without a line feed at its end gets one; nothing else changes.
  if (text.ends_with('\n') && text.size() > 1 && tables.group.changed()) __builtin_trap();
  const auto lines = tables.group.rows().size();
  tables.add_member("sudo", "ann");
  tables.add_member("sudo", "ann");
  if (tables.group.rows().size() > lines + 1) __builtin_trap();
  const auto* row = tables.group.find("sudo");
  if (row == nullptr || row->size() < 4) __builtin_trap();
  static_cast<void>(tables.free_uid(1000));
}

void wish(std::string_view text) {
  UserWish wished;
  const auto half = text.size() / 2;
  wished.name = text.substr(0, half);
  wished.full_name = wished.home = wished.shell = text.substr(half);
  wished.password_hash = text.substr(half);
  wished.password = UserWish::Password::kHash;
  wished.groups = {wished.name};
  if (!check_wish(wished).ok()) return;
  for (const auto* field :
       {&wished.name, &wished.full_name, &wished.home, &wished.shell, &wished.password_hash}) {
    if (field->find_first_of(std::string_view(":\n\0", 3)) != std::string::npos) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& account : parse_passwd(text)) {
    if (account.name.empty() || account.name.find_first_of(":\n") != std::string::npos) __builtin_trap();
  }
  for (const auto& group : parse_group(text)) {
    if (group.name.empty()) __builtin_trap();
  }
  for (const auto& [name, value] : parse_environment_file(text)) {
    if (name.empty() || name.find('=') != std::string::npos || value.find('\n') != std::string::npos)
      __builtin_trap();
  }
  edit(text);
  wish(text);
  return 0;
}
