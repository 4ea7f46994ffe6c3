// The host's apt sources in both forms.
#include <cstdint>

#include "catalog/apt_sources.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& source : cove::parse_one_line_sources(text)) static_cast<void>(source.line());
  for (const auto& source : cove::parse_deb822_sources(text)) static_cast<void>(source.line());
  return 0;
}
