#include "script/environment.h"

namespace cove {

ScriptEnvironment::ScriptEnvironment(const std::vector<std::string>& entries) {
  for (const auto& entry : entries) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) {
      entries_.push_back(entry);
    } else {
      set(std::string_view(entry).substr(0, equals), std::string_view(entry).substr(equals + 1));
    }
  }
}

void ScriptEnvironment::set(std::string_view name, std::string_view value) {
  std::string entry;
  entry.reserve(name.size() + 1 + value.size());
  entry.append(name).append("=").append(value);
  if (const auto known = index_.find(name); known != index_.end()) {
    entries_.splice(entries_.end(), entries_, known->second);
    *known->second = std::move(entry);
    return;
  }
  entries_.push_back(std::move(entry));
  index_.emplace(name, std::prev(entries_.end()));
}

std::string_view ScriptEnvironment::get(std::string_view name) const {
  if (const auto known = index_.find(name); known != index_.end()) {
    return std::string_view(*known->second).substr(name.size() + 1);
  }
  if (name == "/" || name == ":") return name;
  return {};
}

std::vector<std::string> ScriptEnvironment::list() const { return {entries_.begin(), entries_.end()}; }

}  // namespace cove
