#include "agentd/user_editor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "agentd/account_tables.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr std::uint32_t kFirstUid = 1000;
constexpr std::chrono::milliseconds kLockRetry{20};

bool good_name(std::string_view name) {
  const auto lower = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= 32 && lower(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '-'; });
}

bool good_field(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == ':' || static_cast<unsigned char>(c) < 32; });
}

// The lock of lckpwdf(3): a record lock on /etc/.pwd.lock, waited for as long as ctx allows.
Result<UniqueFd> lock_accounts(const OpContext& ctx, const std::filesystem::path& root) {
  UniqueFd fd = COVE_TRY(open_file(root / "etc/.pwd.lock", O_WRONLY | O_CREAT, 0600));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  SystemClock clock;
  while (::fcntl(fd.get(), F_OFD_SETLK, &whole) < 0) {
    if (errno != EAGAIN && errno != EACCES) return Error::from_errno(errno, "locking the account files");
    COVE_TRY(clock.sleep(ctx, kLockRetry).context("waiting for the lock of the account files"));
  }
  return fd;
}

std::string default_shell(const std::filesystem::path& root) {
  return path_exists(root / "bin/bash") ? "/bin/bash" : "/bin/sh";
}

std::string days_since_epoch() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::floor<std::chrono::days>(now).count());
}

Result<void> add_user(AccountTables& tables, const std::filesystem::path& root, const UserWish& wish) {
  const std::uint32_t uid = wish.uid.value_or(tables.free_uid(kFirstUid));
  for (const auto& row : tables.passwd.rows()) {
    if (row.size() > 2 && row[2] == std::to_string(uid))
      return Error(Code::kAlreadyExists, "uid " + std::to_string(uid) + " is " + row[0] + "'s");
  }
  if (tables.group.find(wish.name) == nullptr) tables.add_group(wish.name, tables.free_gid(uid));
  const std::string gid = tables.group.find(wish.name)->at(2);
  tables.passwd.add({wish.name, "x", std::to_string(uid), gid, wish.full_name,
                     wish.home.empty() ? "/home/" + wish.name : wish.home,
                     wish.shell.empty() ? default_shell(root) : wish.shell});
  // "*": no password fits, yet the account is not locked for keys.
  if (tables.shadow.find(wish.name) == nullptr)
    tables.shadow.add({wish.name, "*", days_since_epoch(), "0", "99999", "7", "", "", ""});
  return {};
}

void change_user(AccountTable::Row& row, const UserWish& wish) {
  if (!wish.full_name.empty()) row[4] = wish.full_name;
  if (!wish.home.empty()) row[5] = wish.home;
  if (!wish.shell.empty()) row[6] = wish.shell;
}

void set_password(AccountTable::Row& row, const UserWish& wish) {
  if (wish.password == UserWish::Password::kKeep) return;
  std::string& field = row[1];
  const std::string before = field;
  if (wish.password == UserWish::Password::kHash) {
    field = wish.password_hash;
  } else if (!field.starts_with('!') && !field.starts_with('*')) {
    field = field.empty() ? "*" : "!" + field;
  }
  if (field != before && row.size() > 2) row[2] = days_since_epoch();
}

struct Owner {
  uid_t uid;
  gid_t gid;
};

Result<void> give(const std::filesystem::path& path, Owner owner) {
  if (::lchown(path.c_str(), owner.uid, owner.gid) < 0) return Error::from_errno(errno, path.c_str());
  return {};
}

// A new home from /etc/skel. It is made beside its place and renamed, so that a cut leaves no half of one.
Result<void> make_home(const std::filesystem::path& root, const std::filesystem::path& home, Owner owner) {
  if (path_exists(home)) return {};
  COVE_TRY(make_directories(home.parent_path()));
  const auto temporary = home.parent_path() / (".cove-" + hex_encode(random_bytes(8)));
  const auto skeleton = root / "etc/skel";
  std::error_code error;
  if (path_exists(skeleton)) {
    std::filesystem::copy(
        skeleton, temporary,
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks, error);
  } else {
    std::filesystem::create_directory(temporary, error);
  }
  if (error) return Error::from_errno(error.value(), "making " + home.string());
  for (std::filesystem::recursive_directory_iterator entry(temporary, error), end; !error && entry != end;
       entry.increment(error)) {
    COVE_TRY(give(entry->path(), owner));
  }
  COVE_TRY(give(temporary, owner));
  if (::chmod(temporary.c_str(), 0700) < 0) return Error::from_errno(errno, temporary.c_str());
  return rename_durably(temporary, home);
}

// The home is its user's, who may have put links there: every step is by descriptor and follows none.
Result<UniqueFd> open_ssh_folder(const std::filesystem::path& home, Owner owner) {
  const UniqueFd folder = COVE_TRY(open_file(home, O_RDONLY | O_DIRECTORY));
  const bool made = ::mkdirat(folder.get(), ".ssh", 0700) == 0;
  if (!made && errno != EEXIST) return Error::from_errno(errno, (home / ".ssh").c_str());
  UniqueFd ssh(::openat(folder.get(), ".ssh", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!ssh || (made && ::fchown(ssh.get(), owner.uid, owner.gid) < 0))
    return Error::from_errno(errno, (home / ".ssh").c_str());
  return ssh;
}

Result<void> add_ssh_keys(const std::filesystem::path& home, Owner owner, const UserWish& wish) {
  if (wish.ssh_keys.empty()) return {};
  const UniqueFd ssh = COVE_TRY(open_ssh_folder(home, owner));
  const UniqueFd file(
      ::openat(ssh.get(), "authorized_keys", O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file || ::fchown(file.get(), owner.uid, owner.gid) < 0)
    return Error::from_errno(errno, "opening authorized_keys");
  const std::string text = COVE_TRY(read_to_end({}, file.get(), std::size_t{1} << 20U));
  std::string missing = text.empty() || text.ends_with('\n') ? "" : "\n";
  for (const auto& key : wish.ssh_keys) {
    const auto lines = split(text, '\n');
    if (std::find(lines.begin(), lines.end(), trim(key)) == lines.end())
      missing += std::string(trim(key)) + "\n";
  }
  COVE_TRY(write_all({}, file.get(), missing));
  if (::fsync(file.get()) < 0) return Error::from_errno(errno, "writing authorized_keys");
  return {};
}

Result<void> allow_sudo(const std::filesystem::path& root, const UserWish& wish) {
  if (wish.sudo == UserWish::Sudo::kNo) return {};
  COVE_TRY(make_directories(root / "etc/sudoers.d", 0750));
  return write_file_atomic(root / "etc/sudoers.d" / ("90-cove-" + wish.name),
                           wish.name + " ALL=(ALL:ALL) NOPASSWD:ALL\n", 0440);
}

}  // namespace

Result<void> check_wish(const UserWish& wish) {
  if (!good_name(wish.name))
    return Error(Code::kInvalidArgument, "not a user name: " + shell_quote(wish.name));
  for (const auto& group : wish.groups) {
    if (!good_name(group)) return Error(Code::kInvalidArgument, "not a group name: " + shell_quote(group));
  }
  const auto absolute = [](const std::string& path) {
    return path.empty() || (path.front() == '/' && path.find("/../") == std::string::npos);
  };
  if (!good_field(wish.full_name) || !good_field(wish.shell) || !good_field(wish.home) ||
      !absolute(wish.home) || !absolute(wish.shell)) {
    return Error(Code::kInvalidArgument, "full name, shell or home of " + wish.name + " is not usable");
  }
  const bool hashed = wish.password == UserWish::Password::kHash;
  if (hashed &&
      (wish.password_hash.empty() || wish.password_hash.front() != '$' || !good_field(wish.password_hash)))
    return Error(Code::kInvalidArgument, "the password of " + wish.name + " is not a crypt(3) hash");
  for (const auto& key : wish.ssh_keys) {
    if (trim(key).empty() || trim(key).find_first_of("\r\n") != std::string_view::npos)
      return Error(Code::kInvalidArgument, "an ssh key of " + wish.name + " is not one line");
  }
  return {};
}

Result<UserOutcome> ensure_user(const OpContext& ctx, const std::filesystem::path& root,
                                const UserWish& wish) {
  COVE_TRY(check_wish(wish));
  const UniqueFd lock = COVE_TRY(lock_accounts(ctx, root));
  AccountTables tables = COVE_TRY(AccountTables::load(root));
  UserOutcome outcome;
  if (tables.passwd.find(wish.name) == nullptr) {
    COVE_TRY(add_user(tables, root, wish));
    outcome.kind = UserOutcome::Kind::kCreated;
  }
  auto* user = tables.passwd.find(wish.name);
  const auto uid = user->size() == 7 ? parse_u64((*user)[2]) : std::nullopt;
  const auto gid = user->size() == 7 ? parse_u64((*user)[3]) : std::nullopt;
  if (!uid || !gid) return Error(Code::kFailedPrecondition, "the passwd line of " + wish.name + " is broken");
  if (wish.uid && *wish.uid != *uid)
    return Error(Code::kAlreadyExists, wish.name + " exists with uid " + std::to_string(*uid));
  outcome.uid = static_cast<std::uint32_t>(*uid);
  outcome.gid = static_cast<std::uint32_t>(*gid);
  change_user(*user, wish);
  const std::filesystem::path home = (*user)[5];
  auto* secret = tables.shadow.find(wish.name);
  if (secret == nullptr || secret->size() < 2)
    return Error(Code::kFailedPrecondition, "the shadow line of " + wish.name + " is missing");
  set_password(*secret, wish);
  for (const auto& group : wish.groups) tables.add_member(group, wish.name);
  if (wish.sudo == UserWish::Sudo::kWithoutPassword && tables.group.find("sudo") != nullptr)
    tables.add_member("sudo", wish.name);
  COVE_TRY(tables.save(root));
  const Owner owner{outcome.uid, outcome.gid};
  const auto place = root / home.relative_path();
  COVE_TRY(make_home(root, place, owner));
  COVE_TRY(add_ssh_keys(place, owner, wish));
  COVE_TRY(allow_sudo(root, wish));
  return outcome;
}

}  // namespace cove::agentd
