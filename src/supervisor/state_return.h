// StateReturn: a VM's next machine goes on from a saved state instead of booting. Made before the loop runs,
// owned by the supervisor until the machine has gone on. Until commit() the VM's files say what they said: a
// crash finds it suspended as it was.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread.h"
#include "supervisor/vm_holdings.h"
#include "supervisor/vm_power.h"

namespace cove {

class StateReturn {
 public:
  struct Options {
    VmHoldings& holdings;
    EventLoop& loop;
    SuspendRecord record;
    MachineSpec planned;       // what the configuration would boot
    std::uint64_t disk_bytes;  // as large as the configuration wants the disk, at least
    std::string engine;        // Hypervisor::engine()
    std::function<void(std::string_view)> step;
  };
  // Looks at everything that can be wrong before anything is touched, then makes what the machine needs.
  // kFailedPrecondition: this engine cannot load it; kDataLoss: which file is damaged. Blocking.
  static Result<std::unique_ptr<StateReturn>> prepare(Options options);
  ~StateReturn();  // waits for its thread

  // For VmPower::start_from(), once.
  Result<PowerOrigin> origin();
  // What differs between the saved machine, which runs, and the one that the configuration would boot.
  const std::vector<std::string>& differences() const { return differences_; }
  std::vector<std::string> facts_at_save() const;
  // The network card's address in the saved state; empty without one.
  std::string saved_mac() const;
  const SuspendRecord& record() const { return options_.record; }
  // The machine runs: the VM is no longer suspended. Loop's thread.
  Result<void> commit();

 private:
  StateReturn(Options options, StateManifest state, PageIndex index)
      : options_(std::move(options)), state_(std::move(state)), index_(std::move(index)) {}
  Result<void> check_engine() const;
  Result<void> claim();
  Result<UniqueFd> open_memory() const;
  MachineSpec make_spec(const std::string& disk) const;
  void fill(std::shared_ptr<GuestMemory> memory, Done<void> done);
  Result<void> write_pages(GuestMemory& memory) const;

  Options options_;
  StateManifest state_;
  PageIndex index_;
  DeviceState devices_;
  std::string overlay_;
  std::vector<std::string> differences_;
  Thread filler_;
};

}  // namespace cove
