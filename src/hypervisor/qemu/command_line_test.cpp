// The argument lists are held by goldens, one word a line: tests/golden/argv/ARCH-ACCEL-BOOT-NETWORK.
// COVE_TEST_ACCEPT=1 rewrites them.
#include "hypervisor/qemu/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "base/strings.h"
#include "hypervisor/qemu/qemu_plan.h"

namespace cove {
namespace {

struct Case {
  Arch arch;
  Accel accel;
  BootMode boot;
  NetworkMode network;
  std::string name() const {
    return std::string(to_string(arch)) + "-" + std::string(to_string(accel)) + "-" +
           std::string(to_string(boot)) + "-" + std::string(to_string(network));
  }
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Arch arch : {Arch::kX86_64, Arch::kAarch64}) {
    for (const Accel accel : {Accel::kTcg, Accel::kKvm}) {
      for (const BootMode boot : {BootMode::kKernel, BootMode::kUefi}) {
        for (const NetworkMode network : {NetworkMode::kNat, NetworkMode::kNone}) {
          cases.push_back({arch, accel, boot, network});
        }
      }
    }
  }
  return cases;
}

QemuHost host_for(Arch arch, Accel accel) {
  QemuHost host;
  host.arch = arch;
  host.accel = accel;
  host.binary = "/usr/bin/qemu-system-" + std::string(to_string(arch));
  host.version = "7.2.22";
  host.firmware = {"/fw/code.fd", "/fw/vars.fd"};
  return host;
}

VmConfig config_for(const Case& wanted) {
  VmConfig config;
  config.arch = wanted.arch;
  config.boot = wanted.boot;
  config.network = wanted.network;
  config.mac = "52:54:00:12:34:56";
  config.machine_id = "0123456789abcdef0123456789abcdef";
  return config;
}

MachinePaths sample_paths() {
  return {.root_disk = "/home/me/.cove/store/disks/a,b",
          .root_format = DiskFormat::kQcow2,
          .kernel = "/img/vmlinuz",
          .initrd = "/img/initrd.img",
          .cmdline = "root=/dev/vda2 ro quiet",
          .nvram = "/vm/nvram",
          .ram = "/dev/shm/cove/ram"};
}

class Argv : public testing::TestWithParam<Case> {};

TEST_P(Argv, IsAsAgreed) {
  const Case& wanted = GetParam();
  const auto spec = qemu_plan(host_for(wanted.arch, wanted.accel), config_for(wanted), sample_paths());
  ASSERT_TRUE(spec.ok()) << spec.error().message();
  const auto argv = qemu_command_line(
      *spec,
      {.binary = "/usr/bin/qemu-system-" + std::string(to_string(wanted.arch)), .ram_path = spec->ram_path});
  const std::string text = join(argv, "\n") + "\n";
  const std::string file = COVE_SOURCE_DIR "/tests/golden/argv/" + wanted.name();
  if (std::getenv("COVE_TEST_ACCEPT") != nullptr) {
    ASSERT_TRUE(write_file_atomic(file, text).ok());
    GTEST_SKIP() << "accepted " << file;
  }
  const auto golden = read_file(file);
  ASSERT_TRUE(golden.ok()) << golden.error().message() << " (COVE_TEST_ACCEPT=1 writes it)";
  EXPECT_EQ(text, *golden);
}

INSTANTIATE_TEST_SUITE_P(All, Argv, testing::ValuesIn(all_cases()), [](const auto& parameter) {
  std::string name = parameter.param.name();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(QemuPlan, PinsWhatTheConfigurationPins) {
  VmConfig config = config_for({Arch::kX86_64, Accel::kTcg, BootMode::kKernel, NetworkMode::kNat});
  config.machine_type = "pc-q35-7.1";
  const auto spec = qemu_plan(host_for(Arch::kX86_64, Accel::kTcg), config, sample_paths());
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->machine_type, "pc-q35-7.1");
  const auto again = MachineSpec::from_json(spec->to_json());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *spec);
}

TEST(QemuPlan, SaysWhatIsMissing) {
  const QemuHost x86 = host_for(Arch::kX86_64, Accel::kTcg);
  const Case wanted{Arch::kX86_64, Accel::kTcg, BootMode::kUefi, NetworkMode::kNat};
  QemuHost bare = x86;
  bare.firmware.reset();
  const auto no_firmware = qemu_plan(bare, config_for(wanted), sample_paths());
  ASSERT_FALSE(no_firmware.ok());
  EXPECT_EQ(no_firmware.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(no_firmware.error().hint_text().find("ovmf"), std::string::npos);

  VmConfig other = config_for(wanted);
  other.arch = Arch::kAarch64;
  EXPECT_EQ(qemu_plan(x86, other, sample_paths()).error().code(), Code::kFailedPrecondition);

  VmConfig mac_os = config_for(wanted);
  mac_os.os = GuestOs::kMacos;
  EXPECT_FALSE(qemu_plan(x86, mac_os, sample_paths()).ok());

  VmConfig no_mac = config_for(wanted);
  no_mac.mac.clear();
  EXPECT_FALSE(qemu_plan(x86, no_mac, sample_paths()).ok());

  MachinePaths no_kernel = sample_paths();
  no_kernel.kernel.clear();
  VmConfig direct = config_for(wanted);
  direct.boot = BootMode::kKernel;
  EXPECT_FALSE(qemu_plan(x86, direct, no_kernel).ok());
}

}  // namespace
}  // namespace cove
