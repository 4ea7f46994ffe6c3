// QemuMemory: the guest memory of one QEMU process: the file it maps, and what differs from it, by the
// process's own view of its memory. Owned by QemuStateCapture; loop thread.
#pragma once

#include <optional>

#include "hypervisor/guest_memory.h"
#include "hypervisor/qemu/process_memory.h"

namespace cove {

class QemuMemory final : public GuestMemory {
 public:
  QemuMemory(pid_t pid, UniqueFd file, std::uint64_t bytes, Mapping mapping)
      : pid_(pid), file_(std::move(file)), bytes_(bytes), mapping_(mapping) {}

  Mapping mapping() const override { return mapping_; }
  int file() const override { return file_.get(); }
  std::uint64_t bytes() const override { return bytes_; }
  Result<std::vector<PageRun>> changed_pages() const override;
  Result<void> read(PageRun run, std::span<char> buffer) const override;
  Result<void> write(std::uint32_t first, std::string_view bytes) override;
  // The process's whole memory, for the other memories of the machine.
  Result<const ProcessMemory*> process() const;

 private:
  struct View {
    ProcessMemory process;
    MemoryRange range;
  };
  // Found at the first use: when QEMU answers on QMP it has its memory.
  Result<const View*> view() const;

  pid_t pid_;
  UniqueFd file_;
  std::uint64_t bytes_;
  Mapping mapping_;
  mutable std::optional<View> view_;
};

}  // namespace cove
