// QemuStateCapture: StateCapture by QMP: devices by xen-save-devices-state, which is in every QEMU and leaves
// the memory out, and back by an incoming migration. docs/design/011-hand-over.md. Owned by QemuMachine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "hypervisor/qemu/qemu_memory.h"
#include "hypervisor/qemu/qmp_client.h"
#include "hypervisor/qemu/ram_backing.h"
#include "hypervisor/state_capture.h"
#include "model/machine_state.h"

namespace cove {

class QemuStateCapture final : public StateCapture {
 public:
  static constexpr int kIncomingFd = 8;  // where a QEMU that waits for a state reads it

  QemuStateCapture(EventLoop& loop, std::function<MachineState()> state, SocketEnds engine_ends)
      : loop_(loop), state_(std::move(state)), engine_ends_(std::move(engine_ends)) {}

  // Before QEMU is started.
  Result<void> prepare();
  int incoming() const { return incoming_.get(); }
  // QEMU answers. `qmp` and `ram` are borrowed until engine_gone().
  Result<void> engine_started(QmpClient& qmp, pid_t pid, RamBacking& ram, std::uint64_t memory_bytes,
                              GuestMemory::Mapping mapping);
  void engine_gone(const Error& why);
  void on_event(const QmpEvent& event);
  bool stands_still() const { return stands_still_; }

  std::shared_ptr<GuestMemory> memory() override;
  Result<void> give_memory_away(const std::filesystem::path& name) override;
  void save_devices(Disks disks, Done<DeviceState> done) override;
  void settle(Done<void> done) override;
  void load_devices(DeviceState state, Done<void> done) override;
  void switch_disk(const std::string& device, const std::filesystem::path& overlay, Done<void> done) override;
  void stand_still() override;
  void go_on() override;
  SocketEnds take_engine_ends() override { return std::move(engine_ends_); }

 private:
  struct Engine {
    QmpClient& qmp;
    pid_t pid;
    RamBacking& ram;
    std::shared_ptr<QemuMemory> memory;
  };
  struct Loading {
    std::vector<DeviceState::VideoPages> video;
    Done<void> done;
  };

  std::optional<Error> not_paused(const char* what) const;
  void save_video(std::string blob, Done<DeviceState> done);
  // The range of QEMU's memory that is the guest's video memory; an empty one if the guest has none.
  void find_video(Done<MemoryRange> done);
  Result<std::vector<DeviceState::VideoPages>> read_video(const MemoryRange& range) const;
  void write_video(std::vector<DeviceState::VideoPages> video, Done<void> done);
  void loaded(Result<void> result);

  EventLoop& loop_;
  std::function<MachineState()> state_;
  SocketEnds engine_ends_;
  UniqueFd incoming_;
  std::optional<Engine> engine_;
  std::optional<Loading> loading_;
  std::map<std::string, std::string> disk_nodes_;  // by device, once switched
  unsigned switches_ = 0;
  bool stands_still_ = false;
};

}  // namespace cove
