// For the tests of saved states: a home with VMs on the fake engine, whose supervisors run as threads of the
// test (fast) or as processes (which can be killed at a step). What the guests have in memory is poked and
// looked at over their consoles; what is on their disks is written and read by QEMU's own tools, as the fake
// guest touches no blocks. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/guarded.h"
#include "base/thread.h"
#include "control/control_client.h"
#include "control/launcher.h"
#include "proto/control.pb.h"
#include "state/collector.h"
#include "state/state_store.h"
#include "store/vm_registry.h"

namespace cove::state_test {

// What a guest's memory holds: which boot it comes from, and the words in its pages.
struct Memory {
  std::string serial{};
  std::map<std::uint32_t, std::string> pages{};
  friend bool operator==(const Memory&, const Memory&) = default;
  std::string to_text() const;
};

// Clusters of 64 KiB of a disk, by the byte they are filled with; the rest is zeros.
using DiskBytes = std::map<std::uint32_t, std::uint8_t>;
inline constexpr std::uint32_t kDiskClusters = 16;

class VmWorld {
 public:
  // The home is made in `parent`.
  explicit VmWorld(const std::filesystem::path& parent);
  ~VmWorld();
  VmWorld(const VmWorld&) = delete;

  const Home& home() const { return home_; }
  StateStore store() const { return StateStore(home_.root()); }
  VmDirectory vm(const std::string& name) const { return {home_, VmName::parse(name).value()}; }
  VmRegistry registry() const { return VmRegistry(home_); }

  Result<void> make_vm(const std::string& name);
  struct Start {
    enum class Place : std::uint8_t { kThread, kProcess } place = Place::kThread;
    std::string kill_at{};  // kProcess: dies by SIGKILL at this step
    bool cold = false;
  };
  // Boots, or goes on from what it is suspended with.
  Result<void> start(const std::string& name, const Start& how);
  Result<void> start(const std::string& name) { return start(name, Start{}); }
  // By force; done when nobody holds the VM any more.
  Result<void> stop(const std::string& name);
  // kill -9, of one that is a process.
  Result<void> kill(const std::string& name);
  // Called at each step of supervisors that are threads, on their threads. Set it while none runs.
  void on_step(std::function<void(std::string_view step)> call) { on_step_ = std::move(call); }
  // The steps that supervisors that are threads have come to since this was last asked.
  std::vector<std::string> take_steps();
  // Until its supervisor, which is about to end, has ended.
  Observation after_end(const std::string& name);

  Result<ControlResponse> call(const std::string& name, const ControlRequest& request) const;
  Result<ControlResponse> call(const std::string& name, const std::string& verb) const;
  Result<ControlResponse> snapshot(const std::string& name, const std::string& action,
                                   const std::string& snapshot) const;
  Result<ControlResponse> disk_snapshot(const std::string& name, const std::string& snapshot) const;
  // As `cove snapshot restore` does: stopped by force, then suspended with the snapshot's state.
  Result<void> point_at(const std::string& name, const std::string& snapshot);
  Result<SweepReport> sweep() const { return sweep_store(home_); }

  // The guest of a VM that runs.
  Result<void> poke(const std::string& name, std::uint32_t page, const std::string& word) const;
  struct Look {
    Memory memory;
    std::filesystem::path disk;  // that it writes to
  };
  Result<Look> look(const std::string& name) const;
  // The disk it writes to must be the one that config.json names, or the one below that.
  Result<void> write_disk(const std::string& name, std::uint32_t cluster, std::uint8_t byte) const;
  // Whether the disk reads like that, cluster by cluster.
  Result<void> expect_disk(const std::string& node, const DiskBytes& bytes) const;

  // All that a VM's snapshots and its suspension name is there and whole.
  Result<void> check_states(const std::string& name);
  // Nothing at all is left of any VM, here and on tmpfs. Call it when all VMs are deleted.
  Result<void> expect_empty() const;
  std::string log(const std::string& name) const { return read_file(vm(name).supervisor_log()).value_or(""); }
  // Files below the store, relative to it, sorted.
  std::vector<std::string> store_files() const;

 private:
  struct Running;
  Result<std::string> talk(const std::string& name, const std::string& line, const std::string& until) const;
  Result<void> start_thread(const std::string& name, const Start& how, Running& run);
  Result<void> start_process(const std::string& name, const Start& how, Running& run) const;

  TempDir folder_;
  Home home_;
  std::map<std::string, std::unique_ptr<Running>> running_;
  std::function<void(std::string_view)> on_step_;
  Guarded<std::vector<std::string>> steps_;
  PendingIds spoken_for_;  // ever: the layers on tmpfs are among them
};

// A command of QEMU's tools; its output.
Result<std::string> run_tool(std::vector<std::string> argv);

}  // namespace cove::state_test
