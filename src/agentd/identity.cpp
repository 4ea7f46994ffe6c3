#include "agentd/identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr std::size_t kMaxHostnameBytes = 63;

bool is_label(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kMaxHostnameBytes && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), good);
}

// The line of 127.0.1.1, as Debian has it, names the host; without it sudo and others wait for a resolver.
std::string hosts_with(std::string_view text, const std::string& name) {
  std::string hosts;
  bool named = false;
  for (const auto line : split(text.ends_with('\n') ? text.substr(0, text.size() - 1) : text, '\n')) {
    const bool ours = line.starts_with("127.0.1.1") && !named;
    hosts += (ours ? "127.0.1.1\t" + name : std::string(line)) + "\n";
    named = named || ours;
  }
  if (!named) hosts += "127.0.1.1\t" + name + "\n";
  return hosts;
}

Change either(Change a, Change b) { return a == Change::kDone ? a : b; }

Result<Change> name_kernel(const std::string& name) {
  char now[256] = {};
  if (::gethostname(now, sizeof now - 1) == 0 && name == now) return Change::kNone;
  if (::sethostname(name.data(), name.size()) < 0) return Error::from_errno(errno, "setting the host name");
  return Change::kDone;
}

}  // namespace

Result<Change> set_machine_id(const std::filesystem::path& root, const std::string& id) {
  const bool good = id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) return Error(Code::kInvalidArgument, "not a machine id: " + shell_quote(id));
  const Change own = COVE_TRY(swap_file(root / "etc/machine-id", id + "\n", 0444));
  const auto copy = root / "var/lib/dbus/machine-id";
  struct stat info {};
  if (::lstat(copy.c_str(), &info) < 0 || !S_ISREG(info.st_mode)) return own;
  return either(own, COVE_TRY(swap_file(copy, id + "\n", 0444)));
}

Result<Change> name_host(const std::filesystem::path& root, const std::string& name) {
  if (!is_label(name)) return Error(Code::kInvalidArgument, "not a host name: " + shell_quote(name));
  const Change own = COVE_TRY(swap_file(root / "etc/hostname", name + "\n", 0644));
  const auto now = read_file(root / "etc/hosts");
  const std::string hosts = hosts_with(now.ok() ? *now : "127.0.0.1\tlocalhost\n", name);
  const Change files = either(own, COVE_TRY(swap_file(root / "etc/hosts", hosts, 0644)));
  if (root != "/") return files;
  return either(files, COVE_TRY(name_kernel(name)));
}

}  // namespace cove::agentd
