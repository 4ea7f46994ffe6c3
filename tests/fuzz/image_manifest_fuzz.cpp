// An image's manifest and its name.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "catalog/image_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ref = cove::ImageRef::parse(text); ref.ok()) {
    const auto again = cove::ImageRef::parse(ref->str());
    if (!again.ok() || again->file_name() != ref->file_name()) __builtin_trap();
    if (ref->file_name().find('/') != std::string::npos || ref->file_name().starts_with('.'))
      __builtin_trap();
  }
  const auto json = cove::Json::parse(text);
  if (!json.ok()) return 0;
  const auto manifest = cove::ImageManifest::from_json(*json);
  if (!manifest.ok()) return 0;
  const auto printed = manifest->to_json();
  const auto again = cove::ImageManifest::from_json(printed);
  if (!again.ok() || again->to_json() != printed) __builtin_trap();
  return 0;
}
