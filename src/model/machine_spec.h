// MachineSpec: one virtual machine as a guest sees it, with everything that must be the same again when a
// saved state of it is loaded: versioned machine type, accelerator, CPU model, firmware and the ordered
// devices with their ids and addresses. Made by Hypervisor::plan() from VmConfig and MachinePaths, stored in
// saved states. A value; paths inside are names of host files and are not part of the fingerprint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/disk_format.h"
#include "model/vm_config.h"

namespace cove {

enum class Accel : unsigned char { kTcg, kKvm };
enum class DiskAccess : unsigned char { kReadWrite, kReadOnly };
enum class DeviceKind : unsigned char {
  kSerialConsole,  // the guest's first UART (ttyS0, ttyAMA0)
  kAgentPort,      // a virtio-serial port
  kDisk,
  kNic,
  kRng,
  kBalloon,
  kDisplay,  // VGA; virtio-gpu on aarch64
  kKeyboard,
  kTablet,
  kPanicNotifier,  // the guest's kernel tells by it that it cannot go on
};

std::string_view to_string(Accel accel);
std::string_view to_string(DeviceKind kind);

// One device. `slot` is its number on the root bus, so that a device added later moves no other; 0: not a PCI
// device. The other members count for the kinds named beside them.
struct DeviceSpec {
  std::string id{};
  DeviceKind kind = DeviceKind::kRng;
  std::uint8_t slot = 0;
  std::string path{};                          // disk: the host file
  DiskFormat format = DiskFormat::kQcow2;      // disk
  DiskAccess access = DiskAccess::kReadWrite;  // disk
  std::string mac{};                           // nic
  std::uint32_t mtu = 0;                       // nic: largest frame payload offered to the guest
  std::string port_name{};                     // agent port: name under /dev/virtio-ports
  friend bool operator==(const DeviceSpec&, const DeviceSpec&) = default;
};

struct BootSpec {
  BootMode mode = BootMode::kKernel;
  std::string kernel{};         // kernel mode
  std::string initrd{};         // kernel mode; may be empty
  std::string cmdline{};        // kernel mode
  std::string firmware_code{};  // uefi: read-only code, shared by all VMs
  std::string firmware_vars{};  // uefi: this VM's variables
  friend bool operator==(const BootSpec&, const BootSpec&) = default;
};

// The files of one VM that plan() needs; filled by store, which alone knows where they are.
struct MachinePaths {
  std::string root_disk{};  // empty: a machine without a disk
  DiskFormat root_format = DiskFormat::kQcow2;
  std::string kernel{};  // of the image's manifest; needed with BootMode::kKernel
  std::string initrd{};
  std::string cmdline{};
  std::string nvram{};  // needed with BootMode::kUefi; made from the firmware's template if missing
  std::string
      ram{};  // where the named RAM file goes; used if its folder is on tmpfs, else (or empty) a memfd
};

struct MachineSpec {
  Arch arch = host_arch();
  std::string machine_type;  // "pc-q35-7.2", "virt-7.2"
  Accel accel = Accel::kTcg;
  std::string cpu_model;  // as QEMU's -cpu takes it
  std::uint32_t cpus = 1;
  std::uint64_t memory_bytes = 0;
  std::string system_uuid;  // "xxxxxxxx-xxxx-...", what firmware tells the guest; empty: none
  std::string ram_path;
  BootSpec boot;
  std::vector<DeviceSpec> devices;

  // kInvalidArgument names the member; kFailedPrecondition: written by a newer cove.
  static Result<MachineSpec> from_json(const Json& json);
  Json to_json() const;
  // What a guest could notice, as 16 hex digits: equal fingerprints can load each other's states.
  std::string fingerprint() const;
  // What a guest could notice of the change from this to `other`, one line each: "memory 4.0 GB -> 8.0 GB".
  std::vector<std::string> differences(const MachineSpec& other) const;
  const DeviceSpec* find(DeviceKind kind) const;  // the first of that kind, nullptr if none

  friend bool operator==(const MachineSpec&, const MachineSpec&) = default;
};

}  // namespace cove
