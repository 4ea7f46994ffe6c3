// Which kernel modules the initial RAM disk carries, in the order in which they load.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove::initrd {

// Paths below the modules folder ("kernel/drivers/virtio/virtio.ko"), dependencies before their users, each
// once. `wanted` are module names ("virtio_blk"); names that modules.dep does not know are built in or do not
// exist for this kernel, and are left out.
std::vector<std::string> modules_in_order(std::string_view modules_dep,
                                          const std::vector<std::string_view>& wanted);

}  // namespace cove::initrd
