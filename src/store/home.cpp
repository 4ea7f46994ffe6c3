#include "store/home.h"

#include "base/files.h"

namespace cove {

Result<void> Home::create() const {
  for (const auto& folder : {root_, vms(), cache(), images(), root_ / "store", disk_nodes()}) {
    COVE_TRY(make_directories(folder, 0700).context("preparing " + root_.string()));
  }
  return {};
}

Result<FileLock> Home::lock_store() const {
  COVE_TRY(create());
  const OpContext ctx{{}, Deadline::after(std::chrono::seconds(30))};
  return FileLock::acquire_waiting(ctx, store_lock(), "store").context("waiting for the store's lock");
}

}  // namespace cove
