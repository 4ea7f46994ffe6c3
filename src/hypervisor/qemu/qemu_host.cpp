#include "hypervisor/qemu/qemu_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/process.h"
#include "base/strings.h"
#include "hypervisor/qemu/accel_probe.h"
#include "hypervisor/qemu/firmware.h"

namespace cove {
namespace {

constexpr std::int64_t kCacheVersion = 1;
constexpr std::size_t kMaxCache = 64U << 10U;
constexpr std::size_t kMaxMachineTypes = 200;
constexpr auto kVersionTime = std::chrono::seconds(10);

std::string program_name(Arch arch) { return "qemu-system-" + std::string(to_string(arch)); }

std::string install_hint(Arch arch) {
  return std::string("apt-get install ") + (arch == Arch::kX86_64 ? "qemu-system-x86" : "qemu-system-arm");
}

Result<std::string> find_binary(const QemuHostOptions& options) {
  if (!options.binary.empty()) {
    if (::access(options.binary.c_str(), X_OK) == 0) return options.binary;
    return Error::from_errno(errno, "QEMU at " + options.binary);
  }
  const std::string name = program_name(options.arch);
  for (const auto folder : split(options.path, ':')) {
    if (folder.empty() || folder.front() != '/') continue;
    std::string candidate = std::string(folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error(Code::kNotFound, "no " + name + " in PATH").hint(install_hint(options.arch));
}

// Takes "7.2.22" out of "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)".
Result<std::string> ask_version(const OpContext& ctx, const std::string& binary) {
  SpawnOptions options;
  options.argv = {binary, "--version"};
  const auto output = COVE_TRY(run_command(ctx.with_timeout(kVersionTime), options));
  constexpr std::string_view kMark = " version ";
  const auto at = output.out.find(kMark);
  if (!output.status.success() || at == std::string::npos) {
    return Error(Code::kFailedPrecondition, binary + " --version: " + output.status.describe() + " " +
                                                std::string(trim(output.err.substr(0, 500))));
  }
  const std::string_view rest = std::string_view(output.out).substr(at + kMark.size());
  return std::string(rest.substr(0, rest.find_first_not_of("0123456789.")));
}

// "pc-q35-7.2   Standard PC ...", one a line; aliases and other boards are left out.
Result<std::vector<std::string>> ask_machine_types(const OpContext& ctx, const std::string& binary,
                                                   Arch arch) {
  SpawnOptions options;
  options.argv = {binary, "-machine", "help"};
  const auto output = COVE_TRY(run_command(ctx.with_timeout(kVersionTime), options));
  const std::string_view prefix = arch == Arch::kX86_64 ? "pc-q35-" : "virt-";
  std::vector<std::string> types;
  for (const auto line : split(output.out, '\n')) {
    const auto word = line.substr(0, line.find(' '));
    if (word.starts_with(prefix) && types.size() < kMaxMachineTypes) types.emplace_back(word);
  }
  if (types.empty()) {
    return Error(Code::kFailedPrecondition, binary + " -machine help: no machine " + std::string(prefix) +
                                                "*, but: " + output.status.describe() + " " +
                                                std::string(trim(output.err.substr(0, 500))));
  }
  return types;
}

std::vector<std::string> strings_of(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& item : list.items()) texts.push_back(item.as_string());
  return texts;
}

Json json_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const auto& text : texts) list.push_back(text);
  return list;
}

Result<void> check_version(const std::string& binary, const std::string& version) {
  const auto parts = split(version, '.');
  const auto major = parse_u64(parts.front());
  const auto minor = parts.size() > 1 ? parse_u64(parts[1]) : std::nullopt;
  if (major && minor && std::pair(*major, *minor) >= std::pair<std::uint64_t, std::uint64_t>(7, 2)) return {};
  return Error(Code::kFailedPrecondition,
               binary + " has version \"" + version + "\", cove needs QEMU 7.2 or newer");
}

// What the binary must still look like, and in which boot of the host, for a cached answer to hold.
Result<std::string> cache_key(const std::string& binary) {
  struct stat info {};
  if (::stat(binary.c_str(), &info) != 0) return Error::from_errno(errno, binary);
  const std::string boot = COVE_TRY(read_file("/proc/sys/kernel/random/boot_id"));
  return std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + " " +
         std::to_string(info.st_size) + " " + std::string(trim(boot));
}

// Binary path -> {"key","version","kvm","machines"}. Damaged or older caches count as empty.
class ProbeCache {
 public:
  explicit ProbeCache(std::filesystem::path file) : file_(std::move(file)) {
    if (file_.empty()) return;
    const auto text = read_file(file_, kMaxCache);
    if (!text.ok()) return;
    auto json = Json::parse(*text);
    if (json.ok() && json->get("version").as_int() == kCacheVersion) all_ = std::move(*json);
  }
  Json find(const std::string& binary, const std::string& key) const {
    const Json& entry = all_.get("engines").get(binary);
    return entry.get("key").as_string() == key ? entry : Json();
  }
  void store(const std::string& binary, Json entry) {
    if (file_.empty()) return;
    Json engines = all_.get("engines").is_object() ? all_.get("engines") : Json::object();
    engines.set(binary, std::move(entry));
    all_ = Json::object({{"version", kCacheVersion}, {"engines", std::move(engines)}});
    // Without a cache the next start is slower, nothing else.
    auto stored = write_file_atomic(file_, all_.dump(2) + "\n", 0600);
    if (!stored.ok()) log_warn("the engine cache was not written", {{"why", stored.error().message()}});
  }

 private:
  std::filesystem::path file_;
  Json all_;
};

// Fills accel and accel_reason. `kvm` is the probe guest's cached verdict ("works", a reason, or empty),
// updated.
Result<void> choose_accel(const OpContext& ctx, std::optional<Accel> wanted, QemuHost& host,
                          std::string& kvm) {
  host.accel = Accel::kTcg;
  if (wanted == Accel::kTcg) {
    host.accel_reason = "asked for";
    return {};
  }
  Result<void> usable = kvm_looks_usable(host.arch);
  if (usable.ok() && kvm.empty()) {
    auto probed = run_probe_guest(ctx, host.binary, host.arch, Accel::kKvm);
    COVE_TRY(ctx.check());
    kvm = probed.ok() ? "works" : probed.error().message();
  }
  if (usable.ok() && kvm != "works") usable = Error(Code::kFailedPrecondition, kvm);
  if (usable.ok()) {
    host.accel = Accel::kKvm;
    host.accel_reason = wanted ? "asked for, and a probe guest ran" : "a probe guest ran";
    return {};
  }
  if (wanted) return std::move(usable).context("KVM does not work here");
  host.accel_reason = "KVM does not work here: " + usable.error().message();
  return {};
}

}  // namespace

Result<QemuHost> find_qemu(const OpContext& ctx, const QemuHostOptions& options) {
  QemuHost host;
  host.arch = options.arch;
  host.binary = COVE_TRY(find_binary(options));
  const std::string key = COVE_TRY(cache_key(host.binary));
  ProbeCache cache(options.cache_file);
  const Json cached = cache.find(host.binary, key);
  host.version = cached.get("version").as_string();
  if (host.version.empty()) host.version = COVE_TRY(ask_version(ctx, host.binary));
  COVE_TRY(check_version(host.binary, host.version));
  host.machine_types = strings_of(cached.get("machines"));
  if (host.machine_types.empty()) {
    host.machine_types = COVE_TRY(ask_machine_types(ctx, host.binary, host.arch));
  }
  std::string kvm = cached.get("kvm").as_string();
  COVE_TRY(choose_accel(ctx, options.accel, host, kvm));
  const Json found = Json::object(
      {{"key", key}, {"version", host.version}, {"kvm", kvm}, {"machines", json_of(host.machine_types)}});
  if (found != cached) cache.store(host.binary, found);
  host.firmware = find_firmware(options.firmware_folders, options.arch);
  return host;
}

}  // namespace cove
