#include "agentd/system_info.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <cstdlib>

#include "agentd/environment.h"
#include "base/files.h"
#include "base/strings.h"
#include "format/sha256.h"

namespace cove::agentd {
namespace {

constexpr const char* kUnknown = "unknown";
constexpr std::size_t kMaxProgramBytes = std::size_t{256} << 20U;

std::string text_of(const std::filesystem::path& path) {
  return read_file(path, std::size_t{64} << 10U).value_or(std::string());
}

std::uint64_t meminfo_bytes(std::string_view text, std::string_view name) {
  for (const auto line : split(text, '\n')) {
    if (!line.starts_with(name)) continue;
    auto value = trim(line.substr(name.size()));
    value = value.substr(0, value.find(' '));
    return parse_u64(value).value_or(0) * 1024;
  }
  return 0;
}

std::string_view go_arch(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

// The program that runs, which its file's name need not be any more. 2.7 MB take an emulated guest a tenth of
// a second, hence once, and by the first who asks.
const std::string& own_digest() {
  static const std::string kDigest = [] {
    const auto program = read_file("/proc/self/exe", kMaxProgramBytes);
    return program.ok() ? sha256_hex(*program).substr(0, 12) : std::string(kUnknown);
  }();
  return kDigest;
}

}  // namespace

void fill_info(const Realm& realm, vz::agent::v1::InfoResponse& info) {
  utsname system{};
  if (::uname(&system) == 0) {
    info.set_hostname(system.nodename);
    info.set_kernel_version(system.release);
    info.set_arch(std::string(go_arch(system.machine)));
  }
  const auto release = parse_environment_file(text_of(realm.root / "etc/os-release"));
  if (const auto name = release.find("PRETTY_NAME"); name != release.end()) info.set_os_version(name->second);
  const std::string memory = text_of("/proc/meminfo");
  info.set_memory_total(meminfo_bytes(memory, "MemTotal:"));
  info.set_memory_available(meminfo_bytes(memory, "MemAvailable:"));
  struct statvfs disk {};
  if (::statvfs(realm.root.c_str(), &disk) == 0) {
    info.set_disk_total(disk.f_blocks * disk.f_frsize);
    info.set_disk_available(disk.f_bavail * disk.f_frsize);
  }
  if (const auto accounts = Accounts::read(realm.root); accounts.ok()) {
    for (const auto& user : accounts->users()) {
      if (is_person(user.uid)) info.add_users(user.name);
    }
  }
  const std::string load = text_of("/proc/loadavg");
  const auto fields = split(load, ' ');
  if (fields.size() >= 3) {
    info.set_load_avg_1(std::strtod(std::string(fields[0]).c_str(), nullptr));
    info.set_load_avg_5(std::strtod(std::string(fields[1]).c_str(), nullptr));
    info.set_load_avg_15(std::strtod(std::string(fields[2]).c_str(), nullptr));
  }
  const std::string uptime = text_of("/proc/uptime");
  info.set_uptime_seconds(parse_u64(std::string_view(uptime).substr(0, uptime.find('.'))).value_or(0));
  info.set_agent_version(realm.version);
  // The same sources are the same program, byte for byte, whatever commit and day it was built at: the digest
  // says which one it is.
  info.set_agent_commit(kUnknown);
  info.set_agent_build_date(kUnknown);
  info.set_agent_sha256(own_digest());
  info.add_features("attach");
}

}  // namespace cove::agentd
