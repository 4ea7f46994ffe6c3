#include "hypervisor/qemu/firmware.h"

#include <algorithm>
#include <string>

#include "base/files.h"
#include "base/json.h"

namespace cove {
namespace {

constexpr std::size_t kMaxDescriptor = 256U << 10U;

bool contains(const Json& array, std::string_view word) {
  return std::any_of(array.items().begin(), array.items().end(),
                     [&](const Json& item) { return item.as_string() == word; });
}

// Descriptors name machines by patterns such as "pc-q35-*" and "virt-*".
bool targets(const Json& list, Arch arch) {
  const std::string_view machine = arch == Arch::kX86_64 ? "pc-q35-*" : "virt-*";
  return std::any_of(list.items().begin(), list.items().end(), [&](const Json& target) {
    return target.get("architecture").as_string() == to_string(arch) &&
           contains(target.get("machines"), machine);
  });
}

std::optional<QemuFirmware> firmware_from(const Json& json, Arch arch) {
  const Json& features = json.get("features");
  const Json& mapping = json.get("mapping");
  if (!contains(json.get("interface-types"), "uefi") || mapping.get("device").as_string() != "flash")
    return {};
  if (contains(features, "secure-boot") || contains(features, "requires-smm")) return {};
  if (!targets(json.get("targets"), arch)) return {};
  const Json& code = mapping.get("executable");
  const Json& vars = mapping.get("nvram-template");
  if (code.get("format").as_string() != "raw" || vars.get("format").as_string() != "raw") return {};
  QemuFirmware firmware{code.get("filename").as_string(), vars.get("filename").as_string()};
  if (!path_exists(firmware.code) || !path_exists(firmware.vars_template)) return {};
  return firmware;
}

}  // namespace

std::optional<QemuFirmware> find_firmware(const std::vector<std::filesystem::path>& folders, Arch arch) {
  for (const auto& folder : folders) {
    const auto names = list_directory(folder);
    if (!names.ok()) continue;
    for (const auto& name : *names) {
      if (!name.ends_with(".json")) continue;
      const auto text = read_file(folder / name, kMaxDescriptor);
      if (!text.ok()) continue;
      const auto json = Json::parse(*text);
      if (!json.ok()) continue;
      if (auto firmware = firmware_from(*json, arch)) return firmware;
    }
  }
  return std::nullopt;
}

}  // namespace cove
