#include "agentd/account_tables.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr std::uint32_t kFirstSystemGid = 900;

std::uint32_t free_id(const AccountTable& table, std::uint32_t first) {
  const auto used = [&](std::uint32_t id) {
    return std::any_of(table.rows().begin(), table.rows().end(),
                       [&](const auto& row) { return row.size() > 2 && row[2] == std::to_string(id); });
  };
  while (used(first)) ++first;
  return first;
}

void add_word(std::string& list, const std::string& word) {
  for (const auto present : split(list, ',')) {
    if (present == word) return;
  }
  list += list.empty() ? word : "," + word;
}

}  // namespace

AccountTable AccountTable::parse(std::string_view text) {
  AccountTable table;
  table.original_ = text;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return table;
  for (const auto line : split(text, '\n')) {
    Row row;
    for (const auto field : split(line, ':')) row.emplace_back(field);
    table.rows_.push_back(std::move(row));
  }
  return table;
}

std::string AccountTable::text() const {
  std::string text;
  for (const auto& row : rows_) text += join(row, ":") + "\n";
  return text;
}

AccountTable::Row* AccountTable::find(std::string_view key) {
  for (auto& row : rows_)
    if (!row.empty() && row[0] == key) return &row;
  return nullptr;
}

void AccountTable::add(Row row) { rows_.push_back(std::move(row)); }

Result<AccountTables> AccountTables::load(const std::filesystem::path& root) {
  AccountTables tables;
  tables.passwd = AccountTable::parse(COVE_TRY(read_file(root / "etc/passwd")));
  tables.shadow = AccountTable::parse(COVE_TRY(read_file(root / "etc/shadow")));
  tables.group = AccountTable::parse(COVE_TRY(read_file(root / "etc/group")));
  if (path_exists(root / "etc/gshadow"))
    tables.gshadow = AccountTable::parse(COVE_TRY(read_file(root / "etc/gshadow")));
  return tables;
}

// Groups first: a user never names a group that is not there.
Result<void> AccountTables::save(const std::filesystem::path& root) const {
  if (group.changed()) COVE_TRY(replace_file(root / "etc/group", group.text(), 0644));
  if (gshadow && gshadow->changed()) COVE_TRY(replace_file(root / "etc/gshadow", gshadow->text(), 0640));
  if (shadow.changed()) COVE_TRY(replace_file(root / "etc/shadow", shadow.text(), 0640));
  if (passwd.changed()) COVE_TRY(replace_file(root / "etc/passwd", passwd.text(), 0644));
  return {};
}

std::uint32_t AccountTables::free_uid(std::uint32_t first) const { return free_id(passwd, first); }
std::uint32_t AccountTables::free_gid(std::uint32_t first) const { return free_id(group, first); }

void AccountTables::add_group(const std::string& name, std::uint32_t gid) {
  group.add({name, "x", std::to_string(gid), ""});
  if (gshadow) gshadow->add({name, "!", "", ""});
}

void AccountTables::add_member(const std::string& name, const std::string& user) {
  if (group.find(name) == nullptr) add_group(name, free_gid(kFirstSystemGid));
  auto* row = group.find(name);
  row->resize(std::max<std::size_t>(row->size(), 4));
  add_word((*row)[3], user);
  auto* secret = gshadow ? gshadow->find(name) : nullptr;
  if (secret == nullptr) return;
  secret->resize(std::max<std::size_t>(secret->size(), 4));
  add_word((*secret)[3], user);
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  const std::string temporary = path.string() + ".cove-" + hex_encode(random_bytes(8));
  const UniqueFd fd = COVE_TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto written = [&]() -> Result<void> {
    COVE_TRY(write_all({}, fd.get(), bytes));
    if (exists && ::fchown(fd.get(), info.st_uid, info.st_gid) < 0)
      return Error::from_errno(errno, path.c_str());
    if (::fchmod(fd.get(), exists ? info.st_mode & 07777U : mode) < 0 || ::fsync(fd.get()) < 0)
      return Error::from_errno(errno, path.c_str());
    return rename_durably(temporary, path);
  }();
  if (!written.ok()) ::unlink(temporary.c_str());
  return written;
}

}  // namespace cove::agentd
