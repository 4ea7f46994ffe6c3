// AccountTables: the account files as lines, edited in memory: lines that are not touched stay as they are.
// Values without I/O but for load and save; one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::agentd {

// One file of lines with ':' between fields; the first field is the key.
class AccountTable {
 public:
  using Row = std::vector<std::string>;
  static AccountTable parse(std::string_view text);
  std::string text() const;
  Row* find(std::string_view key);
  const std::vector<Row>& rows() const { return rows_; }
  void add(Row row);
  bool changed() const { return text() != original_; }

 private:
  std::vector<Row> rows_;
  std::string original_;
};

struct AccountTables {
  AccountTable passwd;
  AccountTable shadow;
  AccountTable group;
  std::optional<AccountTable> gshadow;  // some guests have none

  static Result<AccountTables> load(const std::filesystem::path& root);
  // Replaces the files that changed, each as one step, keeping owner and mode.
  Result<void> save(const std::filesystem::path& root) const;

  // The first number from `first` that no user (group) has.
  std::uint32_t free_uid(std::uint32_t first) const;
  std::uint32_t free_gid(std::uint32_t first) const;
  void add_group(const std::string& name, std::uint32_t gid);
  // Makes the group (a system one) if it is missing.
  void add_member(const std::string& group, const std::string& user);
};

// Replaces a file as one step, durable, keeping the owner and mode of the one there (else `mode`).
Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

}  // namespace cove::agentd
