// config.json and machine descriptions: what is accepted survives being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/machine_spec.h"
#include "model/vm_config.h"
#include "model/vm_name.h"

namespace {

template <typename T>
void round_trip(const cove::Json& json) {
  const auto value = T::from_json(json);
  if (!value.ok()) return;
  const auto printed = value->to_json();
  const auto again = T::from_json(printed);
  if (!again.ok() || again->to_json() != printed) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto name = cove::VmName::parse(text); name.ok()) {
    // A name is one path component, and no hidden one.
    if (text.find('/') != std::string_view::npos || text.starts_with('.')) __builtin_trap();
  }
  const auto json = cove::Json::parse(text);
  if (!json.ok()) return 0;
  round_trip<cove::VmConfig>(*json);
  round_trip<cove::MachineSpec>(*json);
  if (const auto config = cove::VmConfig::from_json(*json); config.ok())
    static_cast<void>(config->validate());
  return 0;
}
