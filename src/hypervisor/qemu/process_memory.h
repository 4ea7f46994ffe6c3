// ProcessMemory: a look into the memory of an engine process, and writes into it, from outside: which pages
// of a private mapping the process has made its own, and their bytes. By /proc/PID/{maps,pagemap,mem}, which
// a process may read of its own children; no privilege is needed. What is read while the process runs is what
// was there at some moment; for a state its vCPUs have to stand still. Any thread, one at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/guest_memory.h"

namespace cove {

struct MemoryRange {
  std::uint64_t start = 0;  // an address in the process
  std::uint64_t bytes = 0;
  friend bool operator==(const MemoryRange&, const MemoryRange&) = default;
};

class ProcessMemory {
 public:
  // kNotFound if there is no such process; kPermissionDenied if it is not ours to look into.
  static Result<ProcessMemory> open(pid_t pid);

  // Where the process has the whole file mapped that `fd` is open on; it may be split into several mappings
  // that follow each other. kNotFound if it has not.
  Result<MemoryRange> find_mapping(int fd) const;
  // The pages of a private mapping that the process has written to since it mapped the file (also such that
  // are in swap), ascending. 9-16 ms per GiB of the range.
  Result<std::vector<PageRun>> private_pages(const MemoryRange& range) const;
  // Exactly buffer.size() bytes.
  Result<void> read(std::uint64_t address, std::span<char> buffer) const;
  Result<void> write(std::uint64_t address, std::string_view bytes) const;

 private:
  ProcessMemory(pid_t pid, UniqueFd mem, UniqueFd pagemap)
      : pid_(pid), mem_(std::move(mem)), pagemap_(std::move(pagemap)) {}
  pid_t pid_;
  UniqueFd mem_;
  UniqueFd pagemap_;
};

}  // namespace cove
