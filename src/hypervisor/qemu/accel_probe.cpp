#include "hypervisor/qemu/accel_probe.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>

#include "base/files.h"
#include "base/io.h"
#include "base/process.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kRomBytes = 65536;
constexpr std::size_t kX86Origin = kRomBytes - 256;
constexpr std::size_t kX86Reset = kRomBytes - 16;
constexpr int kExitPortAnswer = 83;  // isa-debug-exit ends QEMU with 2 * value + 1
constexpr auto kProbeTime = std::chrono::seconds(2);
constexpr int kRomFd = 3;

// Assembled from:
//   cli; xor %ax,%ax; mov %ax,%ds                                  real mode, at f000:ff00
//   movl $0x2003,0x1000; movl $0x3003,0x2018; movl $0xffe00083,0x3ff8   tables: the last 2 MiB below 4 GiB
//   lgdtl %cs:gdtr; mov $0x20,%eax; mov %eax,%cr4                  PAE
//   mov $0x1000,%eax; mov %eax,%cr3; mov $0xc0000080,%ecx; rdmsr; or $0x100,%eax; wrmsr      LME
//   mov %cr0,%eax; or $0x80000001,%eax; mov %eax,%cr0; ljmpl $8,$long                        paging
//   long: movabs $0x5200000000,%rax; shr $33,%rax; out %al,$0xf4; 1: hlt; jmp 1b               0x29
//   gdt: .quad 0, 0x00209a0000000000; gdtr: .word 15; .long gdt
constexpr auto kX86Code = std::to_array<std::uint8_t>({
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xc7, 0x06, 0x00, 0x10, 0x03, 0x20, 0x00, 0x00, 0x66, 0xc7, 0x06,
    0x18, 0x20, 0x03, 0x30, 0x00, 0x00, 0x66, 0xc7, 0x06, 0xf8, 0x3f, 0x83, 0x00, 0xe0, 0xff, 0x2e, 0x66,
    0x0f, 0x01, 0x16, 0x80, 0xff, 0x66, 0xb8, 0x20, 0x00, 0x00, 0x00, 0x0f, 0x22, 0xe0, 0x66, 0xb8, 0x00,
    0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8, 0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x66, 0x0d, 0x00,
    0x01, 0x00, 0x00, 0x0f, 0x30, 0x0f, 0x20, 0xc0, 0x66, 0x0d, 0x01, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0,
    0x66, 0xea, 0x5d, 0xff, 0xff, 0xff, 0x08, 0x00, 0x48, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x52, 0x00, 0x00,
    0x00, 0x48, 0xc1, 0xe8, 0x21, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00, 0x0f, 0x00, 0x70, 0xff, 0xff, 0xff,
});
constexpr auto kX86Jump = std::to_array<std::uint8_t>({0xe9, 0x0b, 0xff, 0xff, 0xff});  // jmp to the start

// mov x1,#0x9000000; mov w2,#'c'; strb w2,[x1]; mov w0,#0x84000008 (SYSTEM_OFF); hvc #0; b .
constexpr auto kAarch64Code = std::to_array<std::uint8_t>({
    0x01, 0x20, 0xa1, 0xd2, 0x62, 0x0c, 0x80, 0x52, 0x22, 0x00, 0x00, 0x39, 0x00, 0x01,
    0x80, 0x52, 0x00, 0x80, 0xb0, 0x72, 0x02, 0x00, 0x00, 0xd4, 0x00, 0x00, 0x00, 0x14,
});

std::string x86_rom() {
  std::string rom(kRomBytes, '\0');
  for (std::size_t i = 0; i < kX86Code.size(); ++i) rom[kX86Origin + i] = static_cast<char>(kX86Code[i]);
  for (std::size_t i = 0; i < kX86Jump.size(); ++i) rom[kX86Reset + i] = static_cast<char>(kX86Jump[i]);
  return rom;
}

std::string aarch64_rom() {
  std::string rom(kRomBytes, '\0');
  for (std::size_t i = 0; i < kAarch64Code.size(); ++i) rom[i] = static_cast<char>(kAarch64Code[i]);
  return rom;
}

Result<bool> cpu_has_virtualisation() {
  const std::string text = COVE_TRY(read_file("/proc/cpuinfo", std::size_t{64} << 20U));
  for (const auto line : split(text, '\n')) {
    if (line.substr(0, 5) != "flags") continue;
    for (const auto word : split(line, ' ')) {
      if (word == "vmx" || word == "svm") return true;
    }
    return false;
  }
  return false;
}

}  // namespace

Result<void> run_probe_guest(const OpContext& ctx, const std::string& qemu, Arch arch, Accel accel) {
  const bool x86 = arch == Arch::kX86_64;
  const UniqueFd rom(::memfd_create("cove-probe", MFD_CLOEXEC));
  if (!rom) return Error::from_errno(errno, "memfd_create");
  COVE_TRY(write_all(ctx, rom.get(), x86 ? x86_rom() : aarch64_rom()));
  SpawnOptions options;
  options.argv = {qemu,
                  "-no-user-config",
                  "-nodefaults",
                  "-display",
                  "none",
                  "-m",
                  "128",
                  "-accel",
                  std::string(to_string(accel)),
                  "-bios",
                  "/proc/self/fd/" + std::to_string(kRomFd),
                  "-cpu",
                  accel == Accel::kKvm ? "host" : "max"};
  if (x86) {
    options.argv.insert(options.argv.end(),
                        {"-machine", "q35", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"});
  } else {
    options.argv.insert(
        options.argv.end(),
        {"-machine", accel == Accel::kKvm ? "virt,gic-version=host" : "virt", "-serial", "stdio"});
  }
  options.descriptors.push_back({kRomFd, rom.get()});
  const auto output = COVE_TRY(run_command(ctx.with_timeout(kProbeTime), options).context("the probe guest"));
  const bool answered =
      x86 ? output.status.code == kExitPortAnswer : output.out == "c" && output.status.success();
  if (answered) return {};
  return Error(Code::kFailedPrecondition,
               "the probe guest gave no answer (" + output.status.describe() + ")");
}

Result<void> kvm_looks_usable(Arch arch) {
  if (arch != host_arch()) {
    return Error(Code::kFailedPrecondition, "this host is " + std::string(to_string(host_arch())));
  }
  if (arch == Arch::kX86_64 && !COVE_TRY(cpu_has_virtualisation())) {
    return Error(Code::kFailedPrecondition, "the CPU's flags show neither vmx nor svm");
  }
  COVE_TRY(open_file("/dev/kvm", O_RDWR));
  return {};
}

}  // namespace cove
