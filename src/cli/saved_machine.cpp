#include "cli/saved_machine.h"

#include "base/strings.h"

namespace cove {
namespace {

std::string told(const std::string& saved, const std::string& configured) {
  return saved + " (its configuration says " + configured + ")";
}

}  // namespace

std::vector<std::string> saved_machine_differences(const StateManifest& state, const VmConfig& config) {
  std::vector<std::string> lines;
  if (!state.machine) return lines;
  const auto& saved = *state.machine;
  if (saved.memory_bytes != config.memory_bytes())
    lines.push_back(
        told(format_bytes(saved.memory_bytes) + " of memory", format_bytes(config.memory_bytes())));
  if (saved.cpus != config.cpus) {
    lines.push_back(
        told(std::to_string(saved.cpus) + (saved.cpus == 1 ? " CPU" : " CPUs"), std::to_string(config.cpus)));
  }
  if (!config.machine_type.empty() && saved.machine_type != config.machine_type)
    lines.push_back(told("machine type " + saved.machine_type, config.machine_type));
  if (saved.boot.mode != config.boot)
    lines.push_back(
        told("boot " + std::string(to_string(saved.boot.mode)), std::string(to_string(config.boot))));
  return lines;
}

std::string saved_machine_text(const std::string& vm, const std::vector<std::string>& differences) {
  return vm + " goes on with the machine it was saved with: " + join(differences, ", ");
}

void add_differences(Json& json, const std::vector<std::string>& differences) {
  if (differences.empty()) return;
  Json lines = Json::array();
  for (const auto& line : differences) lines.push_back(line);
  json.set("differs_from_configuration", std::move(lines));
}

}  // namespace cove
