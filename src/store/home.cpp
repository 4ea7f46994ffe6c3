#include "store/home.h"

#include "base/files.h"

namespace cove {

Result<void> Home::create() const {
  for (const auto& folder : {root_, vms(), cache(), images(), root_ / "store", disk_nodes()}) {
    COVE_TRY(make_directories(folder, 0700).context("preparing " + root_.string()));
  }
  return {};
}

}  // namespace cove
