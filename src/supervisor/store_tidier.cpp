#include "supervisor/store_tidier.h"

#include "base/log.h"
#include "disk/disk_chain.h"
#include "model/object_id.h"
#include "state/collector.h"

namespace cove {

StoreTidier::StoreTidier(Parts parts)
    : parts_(std::move(parts)), thread_("store-tidier", [this] { work(); }) {}

StoreTidier::~StoreTidier() {
  wishes_.close();
  give_way();
  thread_.join();
}

void StoreTidier::soon() {
  static_cast<void>(wishes_.put({{}, Deadline::after(std::chrono::nanoseconds(0))}, 1));
}

void StoreTidier::give_way() {
  merging_.with([](const CancelSource& merging) { merging.cancel(); });
}

void StoreTidier::work() {
  for (;;) {
    const auto wish = wishes_.take({});
    if (!wish.ok() || !wish->has_value()) return;
    auto merged = merge_once();
    while (merged.ok() && *merged) merged = merge_once();
    if (!merged.ok()) log_info("the disk's chain was not merged", {{"reason", merged.error().message()}});
    const auto swept = sweep_store(parts_.holdings.directory().home());
    if (!swept.ok()) log_warn("the store was not swept", {{"reason", swept.error().message()}});
    parts_.step("tidied");
  }
}

// Whether there was something to merge.
Result<bool> StoreTidier::merge_once() {
  const auto turn = COVE_TRY(parts_.take_turn());
  VmHoldings& holdings = parts_.holdings;
  const DiskNodes nodes(holdings.directory().home().root());
  const auto segment = COVE_TRY(next_merge(nodes, holdings.root_disk()));
  if (!segment) return false;
  const CancelToken cancel = merging_.with([](CancelSource& merging) {
    merging = CancelSource();
    return merging.token();
  });
  const std::string merged = new_object_id();
  COVE_TRY(holdings.speak_for({merged}));
  NoProgress quiet;
  const auto gate = [this](std::string_view name) -> Result<void> {
    parts_.step(name);
    return {};
  };
  const auto done =
      merge_segment({cancel, {}}, nodes, {.segment = *segment, .new_id = merged, .gate = gate}, quiet);
  holdings.settle();
  COVE_TRY(done);
  return true;
}

}  // namespace cove
