#include "hypervisor/event_hub.h"

#include <utility>

namespace cove {

std::string_view to_string(MachineEvent::Kind kind) {
  switch (kind) {
    case MachineEvent::Kind::kStateChanged:
      return "state_changed";
    case MachineEvent::Kind::kGuestShutdown:
      return "guest_shutdown";
    case MachineEvent::Kind::kGuestReset:
      return "guest_reset";
    case MachineEvent::Kind::kGuestPanicked:
      return "guest_panicked";
    case MachineEvent::Kind::kIoError:
      return "io_error";
    case MachineEvent::Kind::kEngineExited:
      return "engine_exited";
  }
  COVE_CHECK(false);
}

Registration EventHub::add(Listener listener) {
  auto entry = std::make_shared<Listener>(std::move(listener));
  listeners_->push_back(entry);
  return Registration([entry, weak = std::weak_ptr<List>(listeners_)] {
    // Emptied as well, because an emit() under way may still hold it.
    if (const auto list = weak.lock()) list->remove(entry);
    *entry = nullptr;
  });
}

void EventHub::emit(const MachineEvent& event) const {
  const List snapshot = *listeners_;
  for (const auto& entry : snapshot) {
    // Called as a copy: it may drop its own registration.
    if (const Listener listener = *entry) listener(event);
  }
}

}  // namespace cove
