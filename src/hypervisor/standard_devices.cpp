#include "hypervisor/standard_devices.h"

namespace cove {
namespace {

// With frames this large the user network in the supervisor costs no more than QEMU's built-in one.
constexpr std::uint32_t kLargeMtu = 65520;

}  // namespace

std::vector<DeviceSpec> standard_devices(const VmConfig& config, const MachinePaths& paths) {
  std::vector<DeviceSpec> devices;
  devices.push_back({.id = "console", .kind = DeviceKind::kSerialConsole});
  devices.push_back({.id = "display", .kind = DeviceKind::kDisplay, .slot = 1});
  devices.push_back(
      {.id = "agent", .kind = DeviceKind::kAgentPort, .slot = 2, .port_name = "com.cove.agent"});
  if (!paths.root_disk.empty()) {
    devices.push_back({.id = "root",
                       .kind = DeviceKind::kDisk,
                       .slot = 3,
                       .path = paths.root_disk,
                       .format = paths.root_format});
  }
  if (config.network == NetworkMode::kNat) {
    devices.push_back(
        {.id = "net", .kind = DeviceKind::kNic, .slot = 4, .mac = config.mac, .mtu = kLargeMtu});
  }
  devices.push_back({.id = "rng", .kind = DeviceKind::kRng, .slot = 5});
  devices.push_back({.id = "balloon", .kind = DeviceKind::kBalloon, .slot = 6});
  devices.push_back({.id = "keyboard", .kind = DeviceKind::kKeyboard, .slot = 7});
  devices.push_back({.id = "tablet", .kind = DeviceKind::kTablet, .slot = 8});
  devices.push_back({.id = "panic", .kind = DeviceKind::kPanicNotifier, .slot = 9});
  return devices;
}

}  // namespace cove
