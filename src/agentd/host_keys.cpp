// The SSH half of identity.h.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agentd/identity.h"
#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr std::size_t kMaxKeys = 8;
constexpr std::size_t kMaxKeyBytes = std::size_t{16} << 10U;
constexpr std::string_view kPrefix = "ssh_host_";
constexpr std::string_view kSuffix = "_key";

bool is_key_name(std::string_view name) {
  if (name.size() > 64 || name.size() <= kPrefix.size() + kSuffix.size()) return false;
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return name.starts_with(kPrefix) && name.ends_with(kSuffix) && std::all_of(name.begin(), name.end(), good);
}

Result<void> check_keys(const std::vector<HostKey>& keys) {
  if (keys.size() > kMaxKeys) return Error(Code::kInvalidArgument, "more than 8 host keys");
  for (const auto& key : keys) {
    if (!is_key_name(key.name))
      return Error(Code::kInvalidArgument, "not the name of a host key: " + shell_quote(key.name));
    const bool whole = !key.private_key.empty() && !key.public_key.empty();
    if (!whole || key.private_key.size() > kMaxKeyBytes || key.public_key.size() > kMaxKeyBytes)
      return Error(Code::kInvalidArgument, key.name + ": a key has from 1 byte to 16 KiB");
  }
  return {};
}

// Both halves of every key that is none of `keys`.
Result<Change> remove_others(const std::filesystem::path& folder, const std::vector<HostKey>& keys) {
  Change change = Change::kNone;
  for (const auto& file : COVE_TRY(list_directory(folder))) {
    const std::string name = file.ends_with(".pub") ? file.substr(0, file.size() - 4) : file;
    const bool given =
        std::any_of(keys.begin(), keys.end(), [&](const HostKey& key) { return key.name == name; });
    if (given || !is_key_name(name)) continue;
    if (::unlink((folder / file).c_str()) < 0) return Error::from_errno(errno, (folder / file).c_str());
    change = Change::kDone;
  }
  return change;
}

// The listener's, if it is one: a number of a process that is gone may be another's.
std::optional<pid_t> sshd_pid(const std::filesystem::path& root) {
  const auto text = read_file(root / "run/sshd.pid", 64);
  if (!text.ok()) return std::nullopt;
  const auto number = parse_u64(trim(*text));
  if (!number || *number < 2 || *number > 4194304) return std::nullopt;  // the kernel's largest
  const auto name = read_file(root / "proc" / std::to_string(*number) / "comm", 64);
  if (!name.ok() || trim(*name) != "sshd") return std::nullopt;
  return static_cast<pid_t>(*number);
}

}  // namespace

Result<Change> put_host_keys(const std::filesystem::path& root, const std::vector<HostKey>& keys,
                             OtherKeys others) {
  COVE_TRY(check_keys(keys));
  const auto folder = root / "etc/ssh";
  struct stat info {};
  if (::stat(folder.c_str(), &info) < 0 || !S_ISDIR(info.st_mode))
    return Error(Code::kNotFound, "the guest has no /etc/ssh");
  Change change = Change::kNone;
  if (others == OtherKeys::kRemove) change = COVE_TRY(remove_others(folder, keys));
  for (const auto& key : keys) {
    const Change secret = COVE_TRY(swap_file(folder / key.name, key.private_key, 0600));
    const Change open = COVE_TRY(swap_file(folder / (key.name + ".pub"), key.public_key, 0644));
    if (secret == Change::kDone || open == Change::kDone) change = Change::kDone;
  }
  return change;
}

bool has_rsa_host_key(const std::filesystem::path& root) {
  return path_exists(root / "etc/ssh" / kRsaHostKey);
}

Result<void> make_rsa_host_key(const OpContext& ctx, const std::filesystem::path& root) {
  const auto folder = root / "etc/ssh";
  const TempDir made = COVE_TRY(TempDir::create(folder, ".cove-rsa-"));  // 0700, on the same file system
  const auto name = read_file(root / "etc/hostname", 256);
  SpawnOptions options;
  options.argv = {"ssh-keygen", "-q",
                  "-t",         "rsa",
                  "-N",         "",
                  "-C",         "root@" + std::string(name.ok() ? trim(*name) : "localhost"),
                  "-f",         made.path() / kRsaHostKey};
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  const auto output = COVE_TRY(run_command(ctx, options));
  if (!output.status.success())
    return Error(Code::kInternal, "ssh-keygen: " + output.status.describe() + ": " + output.err);
  for (const auto& file : {std::string(kRsaHostKey) + ".pub", std::string(kRsaHostKey)}) {
    if (::rename((made.path() / file).c_str(), (folder / file).c_str()) < 0)
      return Error::from_errno(errno, (folder / file).c_str());
  }
  return {};
}

Result<Change> tell_sshd(const std::filesystem::path& root) {
  const auto pid = sshd_pid(root);
  if (!pid) return Change::kNone;
  if (::kill(*pid, SIGHUP) < 0) return Error::from_errno(errno, "telling sshd");
  return Change::kDone;
}

}  // namespace cove::agentd
