// EventHub: the listeners of one machine. Loop thread. A listener may be dropped or added while events run;
// one added meanwhile hears only later events.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "hypervisor/machine.h"

namespace cove {

class EventHub {
 public:
  using Listener = std::function<void(const MachineEvent&)>;
  Registration add(Listener listener);
  void emit(const MachineEvent& event) const;

 private:
  using List = std::list<std::shared_ptr<Listener>>;
  std::shared_ptr<List> listeners_ = std::make_shared<List>();
};

}  // namespace cove
