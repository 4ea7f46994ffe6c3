#include "hypervisor/qemu/qemu_memory.h"

#include "base/check.h"

namespace cove {

Result<const QemuMemory::View*> QemuMemory::view() const {
  if (!view_) {
    auto process = COVE_TRY(ProcessMemory::open(pid_).context("looking into QEMU's memory"));
    const auto range = COVE_TRY(process.find_mapping(file_.get()));
    view_.emplace(View{std::move(process), range});
  }
  return &*view_;
}

Result<const ProcessMemory*> QemuMemory::process() const { return &COVE_TRY(view())->process; }

Result<std::vector<PageRun>> QemuMemory::changed_pages() const {
  COVE_CHECK(mapping_ == Mapping::kPrivate);
  const auto* seen = COVE_TRY(view());
  return seen->process.private_pages(seen->range);
}

Result<void> QemuMemory::read(PageRun run, std::span<char> buffer) const {
  COVE_CHECK(buffer.size() == run.count * kGuestPageBytes &&
             (std::uint64_t{run.first} + run.count) * kGuestPageBytes <= bytes_);
  const auto* seen = COVE_TRY(view());
  return seen->process.read(seen->range.start + run.first * kGuestPageBytes, buffer);
}

Result<void> QemuMemory::write(std::uint32_t first, std::string_view bytes) {
  COVE_CHECK(bytes.size() % kGuestPageBytes == 0 && first * kGuestPageBytes + bytes.size() <= bytes_);
  const auto* seen = COVE_TRY(view());
  return seen->process.write(seen->range.start + first * kGuestPageBytes, bytes);
}

}  // namespace cove
