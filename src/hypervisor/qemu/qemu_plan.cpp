#include "hypervisor/qemu/qemu_plan.h"

#include "hypervisor/standard_devices.h"

namespace cove {
namespace {

Error missing(std::string_view what) {
  return Error(Code::kInvalidArgument, "this machine needs " + std::string(what));
}

std::string cpu_model(Arch arch, Accel accel) {
  if (accel == Accel::kKvm) return "host";
  // The architected pointer authentication is the dearest part of emulating an ARM guest.
  if (arch == Arch::kAarch64) return "max,pauth-impdef=on";
  return "max";
}

// What a kernel should know when its CPU is emulated.
std::string emulation_arguments(Arch arch) {
  // Every random address layout has its code translated anew: /bin/true takes 3 times as long
  // (docs/design/005-emulation.md).
  // The self-tests of the kernel's ciphers take 230 ms of each boot when they are emulated (same note).
  std::string arguments = " norandmaps cryptomgr.notests";
  // Its check of the timer interrupt panics when an emulated CPU gets too little of a busy host.
  if (arch == Arch::kX86_64) arguments += " no_timer_check";
  return arguments;
}

// The guest's machine id reaches it as the machine's UUID, with every way to boot.
std::string uuid_of(std::string machine_id) {
  if (machine_id.empty()) return machine_id;
  for (const std::size_t at : {20U, 16U, 12U, 8U}) machine_id.insert(at, 1, '-');
  return machine_id;
}

Result<BootSpec> plan_boot(const QemuHost& host, const VmConfig& config, const MachinePaths& paths) {
  BootSpec boot;
  boot.mode = config.boot;
  if (config.boot == BootMode::kKernel) {
    if (paths.kernel.empty()) return missing("a kernel file to start directly");
    boot.kernel = paths.kernel;
    boot.initrd = paths.initrd;
    boot.cmdline = paths.cmdline;
    if (host.accel == Accel::kTcg) boot.cmdline += emulation_arguments(host.arch);
    return boot;
  }
  if (!host.firmware) {
    return Error(Code::kFailedPrecondition,
                 "no UEFI firmware for " + std::string(to_string(host.arch)) + " was found on this host")
        .hint(host.arch == Arch::kX86_64 ? "apt-get install ovmf" : "apt-get install qemu-efi-aarch64");
  }
  if (paths.nvram.empty()) return missing("a file for its UEFI variables");
  boot.firmware_code = host.firmware->code;
  boot.firmware_vars = paths.nvram;
  return boot;
}

}  // namespace

std::string versioned_machine_type(Arch arch, std::string_view qemu_version) {
  const auto first = qemu_version.find('.');
  const auto second = first == std::string_view::npos ? first : qemu_version.find('.', first + 1);
  return (arch == Arch::kX86_64 ? "pc-q35-" : "virt-") + std::string(qemu_version.substr(0, second));
}

Result<MachineSpec> qemu_plan(const QemuHost& host, const VmConfig& config, const MachinePaths& paths) {
  COVE_TRY(config.validate());
  if (config.os != GuestOs::kLinux) {
    return Error(Code::kFailedPrecondition, "QEMU here runs Linux guests only");
  }
  if (config.arch != host.arch) {
    return Error(Code::kFailedPrecondition, "the VM is for " + std::string(to_string(config.arch)) +
                                                ", the engine that was found is for " +
                                                std::string(to_string(host.arch)));
  }
  if (config.network == NetworkMode::kNat && config.mac.empty()) return missing("a MAC address");
  MachineSpec spec;
  spec.arch = config.arch;
  spec.machine_type =
      config.machine_type.empty() ? versioned_machine_type(host.arch, host.version) : config.machine_type;
  spec.accel = host.accel;
  spec.cpu_model = cpu_model(host.arch, host.accel);
  spec.cpus = config.cpus;
  spec.memory_bytes = config.memory_bytes();
  spec.system_uuid = uuid_of(config.machine_id);
  spec.ram_path = paths.ram;
  spec.boot = COVE_TRY(plan_boot(host, config, paths));
  spec.devices = standard_devices(config, paths);
  return spec;
}

}  // namespace cove
