// QemuHost: what was found out about QEMU and this host: which binary, which version, whether KVM really
// works, where the UEFI firmware is. A value; find_qemu() blocks (it runs QEMU) and is called before the loop
// runs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "model/machine_spec.h"

namespace cove {

struct QemuFirmware {
  std::string code{};           // read-only
  std::string vars_template{};  // copied once per VM
};

struct QemuHost {
  Arch arch = host_arch();
  std::string binary{};                      // absolute path
  std::string version{};                     // "7.2.22"
  std::vector<std::string> machine_types{};  // versioned ones only: "pc-q35-7.2", "pc-q35-7.1", ...
  Accel accel = Accel::kTcg;
  std::string accel_reason{};              // why this one: "no vmx or svm in the CPU's flags"
  std::optional<QemuFirmware> firmware{};  // nullopt: none found, only direct kernel boot works
};

struct QemuHostOptions {
  Arch arch = host_arch();
  std::string binary{};                // empty: qemu-system-ARCH is searched in `path`
  std::string path{};                  // PATH as the program was given it
  std::optional<Accel> accel{};        // nullopt: KVM if it works, else TCG
  std::filesystem::path cache_file{};  // results by binary, its time stamp and this boot; empty: not cached
  std::vector<std::filesystem::path> firmware_folders = {"/etc/qemu/firmware", "/usr/share/qemu/firmware"};
};

// kNotFound with the package to install if there is no QEMU; kFailedPrecondition if it is older than 7.2 or
// KVM was demanded and does not work here.
Result<QemuHost> find_qemu(const OpContext& ctx, const QemuHostOptions& options);

}  // namespace cove
