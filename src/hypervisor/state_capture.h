// StateCapture: the faculty of a machine to be saved, and to go on from what another machine of the same
// description was when it was saved. Owned by the machine; loop thread; Done callbacks as in machine.h.
//
// Saving: pause(); save_devices(); read memory(); switch_disk(); resume(). Going on: a machine made with a
// MachineOrigin comes to kPaused by start() and holds nothing; write the changed pages to memory(), then
// load_devices(), then resume().
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "hypervisor/guest_memory.h"
#include "hypervisor/machine_sockets.h"

namespace cove {

// All that a machine is but for its memory and its disks.
struct DeviceState {
  std::string blob{};  // the engine's own format
  // Video memory, which the engine's format leaves out: the pages that hold something.
  struct VideoPages {
    std::uint32_t first = 0;
    std::string bytes{};
  };
  std::vector<VideoPages> video{};
};

class StateCapture {
 public:
  virtual ~StateCapture() = default;
  StateCapture() = default;
  StateCapture(const StateCapture&) = delete;
  StateCapture& operator=(const StateCapture&) = delete;

  virtual std::shared_ptr<GuestMemory> memory() = 0;
  // Of a machine that booted: its memory's file gets another name on its file system, and the machine, which
  // else removes it at its end, forgets it. kUnimplemented if the file has no name.
  virtual Result<void> give_memory_away(const std::filesystem::path& name) = 0;
  // kFailedPrecondition unless kPaused. The disks are at rest and flushed when it is done.
  // kLetGo: another engine may open them; they come back with resume(). That takes a millisecond for each
  // disk file below them, so who goes on in this engine keeps them.
  enum class Disks : std::uint8_t { kKept, kLetGo };
  virtual void save_devices(Disks disks, Done<DeviceState> done) = 0;
  // kPaused. Done when the engine has done what it had begun: what it has not read of its sockets by now it
  // will not read before it runs again, and what it held back for lack of room it has written as far as there
  // was room. Before save_devices() in a hand-over.
  virtual void settle(Done<void> done) = 0;
  // Once, in a machine with a MachineOrigin. An error ends the machine.
  virtual void load_devices(DeviceState state, Done<void> done) = 0;
  // From now on the guest writes to `overlay`, an empty overlay over the file that the disk `device` has been
  // written to so far and never will be again. kPaused.
  virtual void switch_disk(const std::string& device, const std::filesystem::path& overlay,
                           Done<void> done) = 0;
  // When it returns, the engine process does nothing any more, not even to its sockets and its memory. Only
  // go_on() and stop(kForce) are possible afterwards.
  virtual void stand_still() = 0;
  // Undoes it: the machine is kPaused as before and can be resumed. Whatever was to take its place must have
  // ended, since it may have the disks.
  virtual void go_on() = 0;
  // Duplicates of the engine's ends of the machine's sockets, each handed out once; there from creation, for
  // the channels the machine has. They hold what the engine has not read (take_unread()). While one is open,
  // the host's end does not see that the engine has ended.
  virtual SocketEnds take_engine_ends() = 0;
};

}  // namespace cove
