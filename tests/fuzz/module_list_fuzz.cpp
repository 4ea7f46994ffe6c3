// The guest kernel's modules.dep, loops included: each module once, after those it needs.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "app/initrd/module_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto modules = cove::initrd::modules_in_order(text, {"virtio_blk", "ext4", "a"});
  const std::set<std::string> once(modules.begin(), modules.end());
  if (once.size() != modules.size()) __builtin_trap();
  return 0;
}
