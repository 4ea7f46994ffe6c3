#include "app/initrd/module_list.h"

#include <algorithm>

#include "base/strings.h"

namespace cove::initrd {
namespace {

// "kernel/drivers/block/virtio_blk.ko" -> "virtio_blk"; the kernel takes '-' and '_' for the same.
std::string module_name(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  name.resize(std::min(name.find('.'), name.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void add_once(std::vector<std::string>& list, std::string_view path) {
  if (std::find(list.begin(), list.end(), path) == list.end()) list.emplace_back(path);
}

}  // namespace

std::vector<std::string> modules_in_order(std::string_view modules_dep,
                                          const std::vector<std::string_view>& wanted) {
  std::vector<std::string> order;
  for (const std::string_view name : wanted) {
    for (const std::string_view line : split(modules_dep, '\n')) {
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos || module_name(line.substr(0, colon)) != name) continue;
      // depmod lists what has to be there first last.
      auto needed = split(trim(line.substr(colon + 1)), ' ');
      std::reverse(needed.begin(), needed.end());
      for (const std::string_view path : needed) {
        if (!path.empty()) add_once(order, path);
      }
      add_once(order, line.substr(0, colon));
    }
  }
  return order;
}

}  // namespace cove::initrd
