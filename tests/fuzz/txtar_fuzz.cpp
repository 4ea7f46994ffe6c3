// Any bytes are an archive; writing it out and reading it again must give the same archive.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "format/txtar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto archive = cove::parse_txtar({reinterpret_cast<const char*>(data), size});
  for (const auto& file : archive.files) COVE_CHECK(!file.name.empty());
  COVE_CHECK(cove::parse_txtar(cove::format_txtar(archive)) == archive);
  return 0;
}
