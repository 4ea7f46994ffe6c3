// StoreTidier: keeps a running VM's chain of disk nodes short and removes what no VM names any more, on a
// thread of its own. Owned by the StateKeeper; its members may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/guarded.h"
#include "base/thread.h"
#include "supervisor/vm_holdings.h"

namespace cove {

class StoreTidier {
 public:
  struct Parts {
    VmHoldings& holdings;
    // Waits until nobody else works on the VM's states, and holds that until the last copy goes.
    std::function<Result<std::shared_ptr<void>>()> take_turn;
    std::function<void(std::string_view)> step;
  };
  explicit StoreTidier(Parts parts);
  ~StoreTidier();  // gives up what is under way
  StoreTidier(const StoreTidier&) = delete;
  StoreTidier& operator=(const StoreTidier&) = delete;

  // It looks at everything soon; a wish that waits already will do.
  void soon();
  // Somebody wants the turn: a merge that is under way is given up, and tried again some other time.
  void give_way();

 private:
  void work();
  Result<bool> merge_once();

  Parts parts_;
  Guarded<CancelSource> merging_;
  Mailbox<int> wishes_{1};
  Thread thread_;
};

}  // namespace cove
