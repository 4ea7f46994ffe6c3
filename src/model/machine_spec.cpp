#include "model/machine_spec.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::int64_t kSpecVersion = 1;
constexpr std::size_t kMaxDevices = 64;

constexpr std::array<std::pair<DeviceKind, std::string_view>, 10> kDeviceNames = {{
    {DeviceKind::kSerialConsole, "serial-console"},
    {DeviceKind::kAgentPort, "agent-port"},
    {DeviceKind::kDisk, "disk"},
    {DeviceKind::kNic, "nic"},
    {DeviceKind::kRng, "rng"},
    {DeviceKind::kBalloon, "balloon"},
    {DeviceKind::kDisplay, "display"},
    {DeviceKind::kKeyboard, "keyboard"},
    {DeviceKind::kTablet, "tablet"},
    {DeviceKind::kPanicNotifier, "panic-notifier"},
}};

Error wrong(std::string_view member) {
  return Error(Code::kInvalidArgument,
               "machine description: member \"" + std::string(member) + "\" is wrong");
}

// What of a device a guest can notice. Which file a disk is kept in is not of it.
Json visible_device(const DeviceSpec& device) {
  Json json = Json::object({{"id", device.id}, {"kind", to_string(device.kind)}});
  if (device.slot != 0) json.set("slot", std::uint64_t{device.slot});
  if (device.kind == DeviceKind::kDisk) json.set("readOnly", device.access == DiskAccess::kReadOnly);
  if (device.kind == DeviceKind::kNic) {
    json.set("mac", device.mac);
    json.set("mtu", std::uint64_t{device.mtu});
  }
  if (device.kind == DeviceKind::kAgentPort) json.set("port", device.port_name);
  return json;
}

Json device_json(const DeviceSpec& device) {
  Json json = visible_device(device);
  if (device.kind == DeviceKind::kDisk) {
    json.set("path", device.path);
    json.set("format", to_string(device.format));
  }
  return json;
}

Result<DeviceSpec> device_from(const Json& json) {
  DeviceSpec device;
  device.id = json.get("id").as_string();
  const auto* kind = std::find_if(kDeviceNames.begin(), kDeviceNames.end(), [&](const auto& row) {
    return row.second == json.get("kind").as_string();
  });
  if (device.id.empty() || kind == kDeviceNames.end()) return wrong("devices");
  device.kind = kind->first;
  const std::uint64_t slot = json.get("slot").as_uint();
  const std::uint64_t mtu = json.get("mtu").as_uint();
  if (slot > 31 || mtu > 65535) return wrong("devices");
  device.slot = static_cast<std::uint8_t>(slot);
  device.mtu = static_cast<std::uint32_t>(mtu);
  device.path = json.get("path").as_string();
  device.format = json.get("format").as_string() == "raw" ? DiskFormat::kRaw : DiskFormat::kQcow2;
  device.access = json.get("readOnly").as_bool() ? DiskAccess::kReadOnly : DiskAccess::kReadWrite;
  device.mac = json.get("mac").as_string();
  device.port_name = json.get("port").as_string();
  return device;
}

Json visible(const MachineSpec& spec) {
  Json json = Json::object({{"arch", to_string(spec.arch)},
                            {"machineType", spec.machine_type},
                            {"accel", to_string(spec.accel)},
                            {"cpuModel", spec.cpu_model},
                            {"cpus", std::uint64_t{spec.cpus}},
                            {"memory", spec.memory_bytes},
                            {"bootMode", to_string(spec.boot.mode)}});
  if (!spec.system_uuid.empty()) json.set("systemUuid", spec.system_uuid);
  Json devices = Json::array();
  for (const auto& device : spec.devices) devices.push_back(visible_device(device));
  json.set("devices", std::move(devices));
  return json;
}

std::string describe(const DeviceSpec& device) {
  return std::string(to_string(device.kind)) + " " + device.id;
}

void compare_devices(const MachineSpec& from, const MachineSpec& to, std::vector<std::string>& lines) {
  const auto with_id = [](const MachineSpec& spec, const std::string& id) {
    return std::find_if(spec.devices.begin(), spec.devices.end(),
                        [&](const DeviceSpec& device) { return device.id == id; });
  };
  for (const auto& device : from.devices) {
    const auto other = with_id(to, device.id);
    if (other == to.devices.end()) {
      lines.push_back(describe(device) + " is gone");
    } else if (device.kind == DeviceKind::kNic && device.mac != other->mac) {
      lines.push_back(describe(device) + ": MAC address " + device.mac + " -> " + other->mac);
    } else if (visible_device(device) != visible_device(*other)) {
      lines.push_back(describe(device) + " differs");
    }
  }
  for (const auto& device : to.devices) {
    if (with_id(from, device.id) == from.devices.end()) lines.push_back(describe(device) + " is new");
  }
}

}  // namespace

std::string_view to_string(Accel accel) { return accel == Accel::kTcg ? "tcg" : "kvm"; }
std::string_view to_string(DiskFormat format) { return format == DiskFormat::kQcow2 ? "qcow2" : "raw"; }
std::string_view to_string(DeviceKind kind) {
  for (const auto& [value, name] : kDeviceNames) {
    if (value == kind) return name;
  }
  COVE_CHECK(false);
}

Json MachineSpec::to_json() const {
  Json json = Json::object({{"version", kSpecVersion},
                            {"arch", to_string(arch)},
                            {"machineType", machine_type},
                            {"accel", to_string(accel)},
                            {"cpuModel", cpu_model},
                            {"cpus", std::uint64_t{cpus}},
                            {"memory", memory_bytes},
                            {"ramPath", ram_path}});
  if (!system_uuid.empty()) json.set("systemUuid", system_uuid);
  json.set("boot", Json::object({{"mode", to_string(boot.mode)},
                                 {"kernel", boot.kernel},
                                 {"initrd", boot.initrd},
                                 {"cmdline", boot.cmdline},
                                 {"firmwareCode", boot.firmware_code},
                                 {"firmwareVars", boot.firmware_vars}}));
  Json list = Json::array();
  for (const auto& device : devices) list.push_back(device_json(device));
  json.set("devices", std::move(list));
  return json;
}

Result<MachineSpec> MachineSpec::from_json(const Json& json) {
  const std::int64_t version = json.get("version").as_int();
  if (version > kSpecVersion) {
    return Error(Code::kFailedPrecondition, "the machine description has version " + std::to_string(version) +
                                                ", this cove reads up to " + std::to_string(kSpecVersion));
  }
  if (version < 1) return wrong("version");
  MachineSpec spec;
  const auto arch = arch_from(json.get("arch").as_string());
  if (!arch) return wrong("arch");
  spec.arch = *arch;
  spec.machine_type = json.get("machineType").as_string();
  const std::string& accel = json.get("accel").as_string();
  if (accel != "tcg" && accel != "kvm") return wrong("accel");
  spec.accel = accel == "kvm" ? Accel::kKvm : Accel::kTcg;
  spec.cpu_model = json.get("cpuModel").as_string();
  const std::uint64_t cpus = json.get("cpus").as_uint();
  if (cpus < 1 || cpus > 256) return wrong("cpus");
  spec.cpus = static_cast<std::uint32_t>(cpus);
  spec.memory_bytes = json.get("memory").as_uint();
  if (spec.memory_bytes == 0) return wrong("memory");
  spec.system_uuid = json.get("systemUuid").as_string();
  spec.ram_path = json.get("ramPath").as_string();
  const Json& boot = json.get("boot");
  const std::string& mode = boot.get("mode").as_string();
  if (mode != "kernel" && mode != "uefi") return wrong("boot");
  spec.boot = {.mode = mode == "uefi" ? BootMode::kUefi : BootMode::kKernel,
               .kernel = boot.get("kernel").as_string(),
               .initrd = boot.get("initrd").as_string(),
               .cmdline = boot.get("cmdline").as_string(),
               .firmware_code = boot.get("firmwareCode").as_string(),
               .firmware_vars = boot.get("firmwareVars").as_string()};
  const Json& list = json.get("devices");
  if (!list.is_array() || list.items().size() > kMaxDevices) return wrong("devices");
  for (const Json& item : list.items()) spec.devices.push_back(COVE_TRY(device_from(item)));
  return spec;
}

std::string MachineSpec::fingerprint() const {
  // FNV-1a: tells accidents apart, which is all it is for; a saved state carries the whole description.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : visible(*this).dump()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>((hash >> (56U - 8U * i)) & 0xffU);
  return hex_encode(bytes);
}

std::vector<std::string> MachineSpec::differences(const MachineSpec& other) const {
  std::vector<std::string> lines;
  const auto compare = [&](std::string_view what, std::string_view from, std::string_view to) {
    if (from != to) lines.push_back(std::string(what) + " " + std::string(from) + " -> " + std::string(to));
  };
  compare("architecture", to_string(arch), to_string(other.arch));
  compare("machine type", machine_type, other.machine_type);
  compare("accelerator", to_string(accel), to_string(other.accel));
  compare("CPU model", cpu_model, other.cpu_model);
  compare("CPUs", std::to_string(cpus), std::to_string(other.cpus));
  if (memory_bytes != other.memory_bytes) {
    lines.push_back("memory " + format_bytes(memory_bytes) + " -> " + format_bytes(other.memory_bytes));
  }
  compare("boot", to_string(boot.mode), to_string(other.boot.mode));
  compare("UUID", system_uuid, other.system_uuid);
  compare_devices(*this, other, lines);
  if (lines.empty() && fingerprint() != other.fingerprint())
    lines.push_back("the order of the devices differs");
  return lines;
}

const DeviceSpec* MachineSpec::find(DeviceKind kind) const {
  for (const auto& device : devices) {
    if (device.kind == kind) return &device;
  }
  return nullptr;
}

}  // namespace cove
