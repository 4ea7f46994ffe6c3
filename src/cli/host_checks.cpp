#include "cli/host_checks.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strings.h"
#include "catalog/image_cache.h"
#include "cli/host_mirror.h"
#include "model/vm_config.h"
#include "store/vm_registry.h"

namespace cove {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

std::string qemu_program() {
  return host_arch() == Arch::kX86_64 ? "qemu-system-x86_64" : "qemu-system-aarch64";
}

std::string install_hint(const std::string& packages) { return "apt install " + packages; }

// The first line a program prints; empty if it cannot be run.
std::string first_line(const OpContext& ctx, std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  const auto output = run_command(ctx.with_timeout(std::chrono::seconds(10)), options, {}, 65536);
  if (!output.ok() || !output->status.success()) return {};
  return output->out.substr(0, output->out.find('\n'));
}

HostCheck check_qemu(const OpContext& ctx) {
  const auto program = qemu_program();
  const auto version = qemu_version_from(first_line(ctx, {program, "--version"}));
  const std::string package = host_arch() == Arch::kX86_64 ? "qemu-system-x86" : "qemu-system-arm";
  if (version.empty()) return {"qemu", Verdict::kFail, program + " cannot be run", install_hint(package)};
  if (!version_at_least(version, 7, 2)) {
    return {"qemu", Verdict::kFail, program + " " + version + " is too old, 7.2 is needed",
            "upgrade " + package};
  }
  return {"qemu", Verdict::kOk, program + " " + version, ""};
}

// What a guest that was started under KVM showed: "works", or why not; empty if none was tried yet. The
// engine writes it when a VM first starts.
std::string kvm_probe_result(const Environment& env) {
  const auto text = read_file(env.home / "cache" / "qemu-host.json", std::size_t{1} << 20U);
  if (!text.ok()) return {};
  const auto json = Json::parse(*text);
  if (!json.ok()) return {};
  for (const auto& [binary, entry] : json->get("engines").members()) {
    if (std::filesystem::path(binary).filename() == qemu_program()) return entry.get("kvm").as_string();
  }
  return {};
}

// That the device opens proves little: some hosts open it and then kill every guest.
HostCheck check_kvm(const Environment& env) {
  const std::string slower = "guests run under emulation (TCG), several times slower";
  const UniqueFd device(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!device) {
    const int error = errno;
    const std::string finding = std::string("/dev/kvm: ") + std::strerror(error) + "; " + slower;
    if (error == EACCES)
      return {"kvm", Verdict::kWarn, finding,
              "add yourself to its group: usermod -aG kvm $USER, then log in again"};
    return {"kvm", Verdict::kWarn, finding,
            "enable virtualisation in the firmware, or nested virtualisation of this VM's host"};
  }
  if (::ioctl(device.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
    return {"kvm", Verdict::kWarn, "/dev/kvm speaks another version; " + slower, "update the kernel"};
  }
  const UniqueFd machine(::ioctl(device.get(), KVM_CREATE_VM, 0));
  if (!machine)
    return {"kvm", Verdict::kWarn,
            std::string("/dev/kvm opens but makes no machine: ") + std::strerror(errno) + "; " + slower,
            "see the kernel's log: dmesg | grep -i kvm"};
  const UniqueFd cpu(::ioctl(machine.get(), KVM_CREATE_VCPU, 0));
  if (!cpu)
    return {"kvm", Verdict::kWarn,
            std::string("/dev/kvm makes no CPU: ") + std::strerror(errno) + "; " + slower,
            "see the kernel's log: dmesg | grep -i kvm"};
  const auto flags = read_file("/proc/cpuinfo", std::size_t{16} << 20U);
  if (host_arch() == Arch::kX86_64 && flags.ok() && flags->find(" vmx") == std::string::npos &&
      flags->find(" svm") == std::string::npos) {
    return {"kvm", Verdict::kWarn, "/dev/kvm opens, but the CPU shows neither vmx nor svm; " + slower,
            "enable nested virtualisation of this VM's host"};
  }
  const auto probed = kvm_probe_result(env);
  if (probed == "works") return {"kvm", Verdict::kOk, "a guest ran under KVM on this host", ""};
  if (!probed.empty()) {
    return {"kvm", Verdict::kWarn, "/dev/kvm is there, but does not work: " + probed + "; " + slower,
            "enable virtualisation in the firmware, or nested virtualisation of this VM's host"};
  }
  return {"kvm", Verdict::kOk, "/dev/kvm makes machines and CPUs; the first start of a VM tries a guest", ""};
}

// VMs that crashed and whose memory is still held: their next start, stop or deletion frees it.
std::vector<std::string> holders_of_stale_ram(const Environment& env) {
  std::vector<std::string> names;
  const VmRegistry registry{Home(env.home)};
  const auto all = registry.list();
  if (!all.ok()) return names;
  for (const auto& name : *all) {
    const VmDirectory vm(registry.home(), name);
    if (path_exists(vm.ram_path()) && !vm.observe().holder) names.push_back(name.str());
  }
  return names;
}

HostCheck check_tmpfs(const Environment& env) {
  struct statvfs status {};
  if (::statvfs("/dev/shm", &status) != 0) {
    return {"memory file system", Verdict::kWarn,
            "/dev/shm is not there; the RAM of guests is not a named file", "mount -t tmpfs tmpfs /dev/shm"};
  }
  const auto free = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (const auto names = holders_of_stale_ram(env); !names.empty()) {
    return {
        "memory file system", Verdict::kWarn,
        "/dev/shm has " + format_bytes(free) + " free and holds memory of crashed VMs: " + join(names, ", "),
        "free it: cove stop " + join(names, " ")};
  }
  if (free < 4 * kGiB) {
    return {"memory file system", Verdict::kWarn,
            "/dev/shm has " + format_bytes(free) + " free, less than a VM of 4 GB may want",
            "mount -o remount,size=75% /dev/shm, or use -memory 1"};
  }
  return {"memory file system", Verdict::kOk, "/dev/shm has " + format_bytes(free) + " free", ""};
}

HostCheck check_disk(const Environment& env) {
  const auto free = free_space(env.home);
  if (!free.ok())
    return {"disk space", Verdict::kFail, free.error().message(),
            "set COVE_HOME to a folder you may write to"};
  const auto finding = format_bytes(*free) + " free for " + env.home.string();
  if (*free < kDiskToBegin) {
    return {"disk space", Verdict::kFail,
            finding + ", " + format_bytes(kDiskToBegin) + " are needed to begin",
            "make room, or set COVE_HOME to a folder on a larger disk"};
  }
  return {"disk space", Verdict::kOk, finding, ""};
}

HostCheck check_tools(const OpContext& ctx) {
  std::vector<std::string> missing;
  std::vector<std::string> packages;
  const auto need = [&](std::vector<std::string> argv, const std::string& package) {
    const auto name = argv[0];
    if (!first_line(ctx, std::move(argv)).empty()) return;
    missing.push_back(name);
    packages.push_back(package);
  };
  need({"mmdebstrap", "--version"}, "mmdebstrap");
  if (!path_exists("/usr/share/OVMF") && host_arch() == Arch::kX86_64) {
    missing.emplace_back("UEFI firmware (only for -boot uefi)");
    packages.emplace_back("ovmf");
  }
  if (missing.empty()) return {"tools", Verdict::kOk, "mmdebstrap and UEFI firmware are there", ""};
  const bool needed = missing[0] == "mmdebstrap";
  return {"tools", needed ? Verdict::kFail : Verdict::kWarn, "missing: " + join(missing, ", "),
          install_hint(join(packages, " "))};
}

// Whether a line of /etc/subuid gives this user ids, by name or by number.
bool has_subordinate_ids(std::string_view table) {
  const passwd* user = ::getpwuid(::geteuid());
  const auto number = std::to_string(::geteuid()) + ":";
  const auto name = user == nullptr ? number : std::string(user->pw_name) + ":";
  for (const auto line : split(table, '\n')) {
    if (line.starts_with(name) || line.starts_with(number)) return true;
  }
  return false;
}

// Only building an image needs them: with one in the cache VMs can be made and run.
HostCheck check_namespaces(const Environment& env) {
  if (::geteuid() == 0) return {"user namespaces", Verdict::kOk, "not needed: you are root", ""};
  const auto limit = read_file("/proc/sys/user/max_user_namespaces", 64);
  const bool forbidden = limit.ok() && trim(*limit) == "0";
  const auto debian = read_file("/proc/sys/kernel/unprivileged_userns_clone", 64);
  if (forbidden || (debian.ok() && trim(*debian) == "0")) {
    return {
        "user namespaces", Verdict::kFail, "ordinary users may not make them; images are built in one",
        "sysctl -w kernel.unprivileged_userns_clone=1 (as root), or build as root: sudo cove image build"};
  }
  const auto ids = read_file("/etc/subuid", std::size_t{1} << 20U);
  const bool mapper = ::access("/usr/bin/newuidmap", X_OK) == 0;
  if (!mapper || !ids.ok() || !has_subordinate_ids(*ids)) {
    const auto images = ImageCache(env.home).list();
    const bool needed = !images.ok() || images->empty();
    return {"user namespaces", needed ? Verdict::kFail : Verdict::kWarn,
            std::string(mapper ? "/etc/subuid gives you no ids" : "newuidmap is missing") +
                "; images cannot be built" + (needed ? ", and there is none yet" : ""),
            "apt install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"};
  }
  return {"user namespaces", Verdict::kOk, "ordinary users may make them", ""};
}

HostCheck check_programs(const Environment& env) {
  std::vector<std::string> missing;
  for (const char* name : {"cove-vm", "cove-fetch", "cove-agent", "cove-initrd"}) {
    if (::access((env.libexec / name).c_str(), X_OK) != 0) missing.emplace_back(name);
  }
  const auto where = " in " + env.libexec.string();
  if (missing.empty()) return {"cove's programs", Verdict::kOk, "all" + where, ""};
  return {"cove's programs", Verdict::kFail, "missing" + where + ": " + join(missing, ", "),
          "install cove again: tools/dev install"};
}

HostCheck check_mirror() {
  const auto mirrors = configured_mirrors("/etc/apt");
  if (mirrors.empty()) {
    return {"package mirror", Verdict::kFail, "no Debian mirror is configured in /etc/apt",
            "add one to /etc/apt/sources.list"};
  }
  return {"package mirror", Verdict::kOk, mirrors.front(), ""};
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "OK";
    case Verdict::kWarn:
      return "WARN";
    case Verdict::kFail:
      return "FAIL";
  }
  return "FAIL";
}

std::string qemu_version_from(std::string_view first_line) {
  constexpr std::string_view kBefore = "QEMU emulator version ";
  if (!first_line.starts_with(kBefore)) return {};
  first_line.remove_prefix(kBefore.size());
  return std::string(first_line.substr(0, first_line.find_first_not_of("0123456789.")));
}

bool version_at_least(std::string_view version, unsigned major, unsigned minor) {
  const auto parts = split(version, '.');
  const auto number = [&](std::size_t i) { return i < parts.size() ? parse_u64(parts[i]).value_or(0) : 0; };
  return number(0) > major || (number(0) == major && number(1) >= minor);
}

std::vector<HostCheck> check_host(const OpContext& ctx, const Environment& env) {
  return {check_programs(env), check_qemu(ctx),  check_kvm(env),        check_tmpfs(env),
          check_disk(env),     check_tools(ctx), check_namespaces(env), check_mirror()};
}

}  // namespace cove
