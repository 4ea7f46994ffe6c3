// StateKeeper: saves the states of the VM that runs: snapshots, the state it is suspended with, and those
// that forks begin with. Owned by the supervisor. The members block and may be called on any thread but the
// loop's; one state is saved at a time. What a state is and when it counts: docs/design/010-state-engine.md.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/guarded.h"
#include "supervisor/machine_capture.h"
#include "supervisor/store_tidier.h"
#include "supervisor/vm_holdings.h"

namespace cove {

struct SaveRequest {
  enum class Kind : std::uint8_t {
    kSnapshot,  // named; the guest goes on
    kSuspend,   // the VM ends, and its next run goes on from it
    kDisk,      // named, the disks alone; the guest goes on
    kForkBase,  // others go on from it; not on disk when it returns, and kept only until the next one
  };
  Kind kind = Kind::kSnapshot;
  std::string name{};  // kSnapshot, kDisk: a VmName
  std::string description{};
  // Called once the guest's part is over, also after a failure: whether its file systems were at rest all the
  // time. Empty: they were not.
  std::function<DiskQuiet()> was_quiet{};
};

struct SavedState {
  std::string id{};
  std::chrono::microseconds stood_still{0};  // the guest
  std::uint64_t changed_bytes = 0;           // of memory, since its base
};

class StateKeeper {
 public:
  struct Parts {
    VmHoldings& holdings;
    MachineCapture& capture;
    VmPower& power;
    EventLoop& loop;
    std::string engine;  // Hypervisor::engine()
    std::string cove_version;
    std::function<std::vector<std::string>()> facts_met;  // any thread
    std::function<void(std::string_view)> step;
  };
  explicit StateKeeper(Parts parts);

  // Waits for its turn. kFailedPrecondition: the VM is not in a state to be saved; kAlreadyExists:
  // there is a snapshot of that name; kResourceExhausted: no room. After an error the VM is what it was.
  Result<SavedState> save(const SaveRequest& request, Progress& progress);
  // Its children become its parent's. kNotFound.
  Result<void> remove_snapshot(const std::string& name);
  // What was left by states that are gone.
  void tidy_soon() { tidier_.soon(); }
  // The VM ended because it was suspended.
  bool suspended() const { return suspended_; }

 private:
  struct Draft;
  Result<SavedState> save_in_turn(const SaveRequest& request, Progress& progress);
  Result<void> prepare(const SaveRequest& request, Draft& draft);
  Result<Captured> capture(const SaveRequest& request, Draft& draft);
  Result<void> take_pages(GuestMemory& memory, Draft& draft);
  Result<void> keep_base(const SaveRequest& request, Captured& captured, const Draft& draft);
  Result<StateManifest> describe(const SaveRequest& request, const Draft& draft) const;
  Result<PageIndex> write_memory(const SaveRequest& request, Draft& draft, const Captured& captured,
                                 Progress& progress);
  Result<void> merge_memory(const Draft& draft, PageIndex& index, Progress& progress);
  Result<StateManifest> write_state(const SaveRequest& request, Draft& draft, const Captured& captured,
                                    Progress& progress);
  Result<void> commit(const SaveRequest& request, const Draft& draft, const StateManifest& state);
  Result<void> commit_suspend(const Draft& draft, const StateManifest& state);
  Result<void> name_root_disk(const std::string& node);
  void undo(const SaveRequest& request, const Draft& draft);

  Result<std::shared_ptr<void>> take_turn();

  Parts parts_;
  Guarded<bool> busy_;
  std::atomic<bool> suspended_{false};
  StoreTidier tidier_;
};

}  // namespace cove
