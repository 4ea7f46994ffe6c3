// MachineCapture: takes the state of the machine that runs, with the guest standing still as short as can be;
// what was taken is then written while the guest goes on. Owned by the supervisor. Its members block and are
// called by one thread that is not the loop's; each touches the machine through the loop.
//
// A machine that booted shares its memory with the memory's file: it is handed over to another engine
// process, and the file, frozen, is the state's memory. One that went on from a state has pages of its own:
// they are read, and it goes on in its process. docs/design/011-hand-over.md
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "hypervisor/hypervisor.h"
#include "hypervisor/state_capture.h"
#include "supervisor/machine_channels.h"
#include "supervisor/vm_power.h"

namespace cove {

// What was taken of a machine.
struct Captured {
  DeviceState devices{};
  MachineSpec spec{};
  std::string nvram{};  // UEFI variables; empty without
  GuestMemory::Mapping mapping = GuestMemory::Mapping::kShared;
  UniqueFd memory{};  // the file; kShared: frozen from now on
  std::chrono::microseconds stood_still{0};
};

class MachineCapture {
 public:
  // Reads the pages of a privately mapped memory while the guest stands still.
  using TakePages = std::function<Result<void>(GuestMemory& memory)>;

  struct Parts {
    EventLoop& loop;
    Hypervisor& hypervisor;
    VmPower& power;
    MachineChannels& channels;
    std::function<void(std::string_view)> step;  // at each step; for tests that kill there
    CancelToken ending;                          // the supervisor ends: every wait ends
  };
  // Where the guest writes from then on, and what becomes of a memory file that is frozen.
  struct Onward {
    std::string device;
    std::filesystem::path overlay;
    std::filesystem::path frozen_memory;  // its new name, if it has one
  };
  explicit MachineCapture(Parts parts) : parts_(std::move(parts)) {}

  // The state of now; the guest goes on (or stays paused, if it was). An error leaves it as it was, on the
  // disk it had. kFailedPrecondition unless it runs or is paused.
  Result<Captured> take(const Onward& onward, const TakePages& take_pages);
  // The disks of now alone; the guest stands still for a moment.
  Result<Captured> take_disks(const Onward& onward);
  // The state of now; the guest stands still, shown as kSaving, until end_hold().
  Result<Captured> take_and_hold(const TakePages& take_pages);
  // After take_and_hold(): kGone ends the engine, its state being safe; kGoesOn lets it run on as before.
  enum class Then : std::uint8_t { kGoesOn, kGone };
  Result<void> end_hold(Then then);

 private:
  using Call = std::function<void(Machine& machine, Done<void> done)>;
  Result<void> on_machine(Call call);
  Result<void> on_other(Call call);
  Result<void> on_loop(std::function<Result<void>()> body);
  Result<void> begin(std::optional<MachineState> shown);
  Result<void> stand();
  Result<void> let_run();
  Result<void> look();
  Result<void> read_devices(StateCapture::Disks disks);
  Result<void> read_nvram();
  Result<void> release();
  Result<void> in_place(const Onward& onward, const TakePages& take_pages);
  Result<void> hand_over(const Onward& onward);
  void return_to_old_engine();
  Result<void> start_other(const Onward& onward);
  Result<void> move_over(const Onward& onward);
  void end_stillness();
  Result<Captured> finish(Result<void> taken);

  Parts parts_;
  bool was_running_ = false;
  std::chrono::steady_clock::time_point still_since_;
  std::shared_ptr<GuestMemory> memory_;
  // Shared with callbacks on the loop, which may come when nobody waits for them any more.
  std::shared_ptr<Captured> captured_;
  std::unique_ptr<Machine> other_;  // loop's thread: the engine that takes over
};

}  // namespace cove
