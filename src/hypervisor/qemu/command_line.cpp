#include "hypervisor/qemu/command_line.h"

#include <utility>

namespace cove {
namespace {

// Doubles commas, as QEMU's option syntax wants it.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == ',' ? 2 : 1, c);
  return out;
}

class Arguments {
 public:
  Arguments(const MachineSpec& spec, const QemuLaunch& launch) : spec_(spec), launch_(launch) {}

  std::vector<std::string> build() && {
    out_.push_back(launch_.binary);
    add_process();
    add_machine();
    add_boot();
    for (const auto& device : spec_.devices) add_device(device);
    return std::move(out_);
  }

 private:
  bool is_x86() const { return spec_.arch == Arch::kX86_64; }
  void option(std::string name, std::string value) {
    out_.push_back(std::move(name));
    out_.push_back(std::move(value));
  }
  void blockdev(const Json& node) { option("-blockdev", node.dump()); }
  void socket_chardev(const std::string& id, int fd) {
    option("-chardev", "socket,id=" + id + ",fd=" + std::to_string(fd));
  }

  void add_process() {
    out_.insert(out_.end(), {"-no-user-config", "-nodefaults", "-S", "-display", "none"});
    // No new processes, no new privileges: a guest that breaks out finds little to call.
    option("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    socket_chardev("qmp", launch_.qmp_fd);
    option("-mon", "chardev=qmp,mode=control");
    // A guest that panics is kept until its last words are read; who ends it is for the supervisor to say.
    option("-action", "panic=pause");
    option("-global", "migration.send-configuration=off");
    if (launch_.origin == QemuLaunch::Origin::kState) option("-incoming", "defer");
  }

  void add_machine() {
    // Device states are saved without what a migration between hosts adds to them.
    std::string machine = spec_.machine_type + ",memory-backend=ram,suppress-vmdesc=on";
    if (is_x86()) {
      machine += ",usb=off,vmport=off,smm=off,sata=off,smbus=off";
      // Firmware menus are worked with a PS/2 keyboard; a kernel started directly only loses time probing it.
      if (spec_.boot.mode == BootMode::kKernel) machine += ",i8042=off";
    } else {
      machine += spec_.accel == Accel::kKvm ? ",gic-version=host" : ",gic-version=3";
    }
    if (spec_.boot.mode == BootMode::kUefi) machine += ",pflash0=firmware-code,pflash1=firmware-vars";
    option("-machine", machine);
    option("-accel", spec_.accel == Accel::kKvm ? "kvm" : "tcg,thread=multi,tb-size=512");
    option("-cpu", spec_.cpu_model);
    const std::string cpus = std::to_string(spec_.cpus);
    option("-smp", "cpus=" + cpus + ",sockets=1,cores=" + cpus + ",threads=1");
    option("-m", "size=" + std::to_string(spec_.memory_bytes >> 20U) + "M");
    option("-object", Json::object({{"qom-type", "memory-backend-file"},
                                    {"id", "ram"},
                                    {"size", spec_.memory_bytes},
                                    {"mem-path", launch_.ram_path},
                                    {"share", launch_.origin == QemuLaunch::Origin::kBoot}})
                          .dump());
    option("-rtc", "base=utc");
    if (!spec_.system_uuid.empty()) option("-uuid", spec_.system_uuid);
  }

  void add_boot() {
    const BootSpec& boot = spec_.boot;
    if (boot.mode == BootMode::kUefi) {
      blockdev(Json::object({{"driver", "file"},
                             {"node-name", "firmware-code"},
                             {"filename", boot.firmware_code},
                             {"read-only", true}}));
      blockdev(Json::object(
          {{"driver", "file"}, {"node-name", "firmware-vars"}, {"filename", boot.firmware_vars}}));
      return;
    }
    if (boot.kernel.empty()) return;
    option("-kernel", boot.kernel);
    if (!boot.initrd.empty()) option("-initrd", boot.initrd);
    if (!boot.cmdline.empty()) option("-append", boot.cmdline);
  }

  static std::string pci(const std::string& driver, const DeviceSpec& device, const std::string& id) {
    return driver + ",id=" + id + ",bus=pcie.0,addr=" + std::to_string(device.slot);
  }

  void add_disk(const DeviceSpec& disk) {
    const bool read_only = disk.access == DiskAccess::kReadOnly;
    const std::string file = disk.id + "-file";
    blockdev(Json::object({{"driver", "file"},
                           {"node-name", file},
                           {"filename", disk.path},
                           {"read-only", read_only},
                           {"discard", "unmap"}}));
    blockdev(Json::object({{"driver", to_string(disk.format)},
                           {"node-name", disk.id + "-disk"},
                           {"file", file},
                           {"read-only", read_only},
                           {"discard", "unmap"},
                           {"detect-zeroes", read_only ? "off" : "unmap"}}));
    // An I/O error stops the guest and is shown: the guest must not see a host's full disk as a broken one.
    option("-device",
           pci("virtio-blk-pci", disk, disk.id) + ",drive=" + disk.id +
               "-disk,disable-legacy=on,werror=stop,rerror=stop,bootindex=" + std::to_string(++boot_index_));
  }

  void add_nic(const DeviceSpec& nic) {
    option("-netdev",
           "dgram,id=" + nic.id + "-link,local.type=fd,local.str=" + std::to_string(launch_.net_fd));
    // The empty romfile: no boot from the network, 256 KiB less to load.
    option("-device", pci("virtio-net-pci", nic, nic.id) + ",netdev=" + nic.id + "-link,mac=" + nic.mac +
                          ",host_mtu=" + std::to_string(nic.mtu) + ",romfile=,disable-legacy=on");
  }

  void add_agent_port(const DeviceSpec& port) {
    const std::string bus = port.id + "-bus";
    option("-device", pci("virtio-serial-pci", port, bus) + ",disable-legacy=on");
    socket_chardev(port.id + "-link", launch_.agent_fd);
    option("-device", "virtserialport,id=" + port.id + ",bus=" + bus + ".0,nr=1,chardev=" + port.id +
                          "-link,name=" + quoted(port.port_name));
  }

  void add_device(const DeviceSpec& device) {
    switch (device.kind) {
      case DeviceKind::kSerialConsole:
        socket_chardev(device.id, launch_.console_fd);
        option("-serial", "chardev:" + device.id);
        return;
      case DeviceKind::kAgentPort:
        return add_agent_port(device);
      case DeviceKind::kDisk:
        return add_disk(device);
      case DeviceKind::kNic:
        return add_nic(device);
      case DeviceKind::kRng:
        option("-object", "rng-builtin,id=" + device.id + "-source");
        option("-device",
               pci("virtio-rng-pci", device, device.id) + ",rng=" + device.id + "-source,disable-legacy=on");
        return;
      case DeviceKind::kBalloon:
        option("-device",
               pci("virtio-balloon-pci", device, device.id) + ",deflate-on-oom=on,disable-legacy=on");
        return;
      case DeviceKind::kDisplay:
        option("-device", pci(is_x86() ? "VGA" : "virtio-gpu-pci", device, device.id));
        return;
      case DeviceKind::kKeyboard:
        option("-device", pci("virtio-keyboard-pci", device, device.id));
        return;
      case DeviceKind::kTablet:
        option("-device", pci("virtio-tablet-pci", device, device.id));
        return;
      case DeviceKind::kPanicNotifier:
        option("-device", pci("pvpanic-pci", device, device.id));
        return;
    }
  }

  const MachineSpec& spec_;
  const QemuLaunch& launch_;
  std::vector<std::string> out_;
  int boot_index_ = 0;
};

}  // namespace

std::vector<std::string> qemu_command_line(const MachineSpec& spec, const QemuLaunch& launch) {
  return Arguments(spec, launch).build();
}

}  // namespace cove
