// RamBacking: the memory of a running VM as a file that the engine maps shared: a named file, 0600, if its
// folder is on tmpfs, else a memfd. Owned by the machine; the named file goes with its owner. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class RamBacking {
 public:
  // kResourceExhausted with the cure if the host cannot back that many bytes: a tmpfs that fills up later
  // would kill the engine. RAM files of other VMs in the same folder count with their full size. A file of
  // that name left by a crash is replaced.
  static Result<RamBacking> create(const std::string& wanted_path, std::uint64_t bytes);
  // A frozen memory of a saved state: it has no name of ours and goes nowhere. The host has to have room for
  // what the guest will change of it, which nobody knows: a tenth is asked for.
  static Result<RamBacking> adopt(UniqueFd frozen, std::uint64_t bytes);
  RamBacking() = default;
  RamBacking(RamBacking&& other) noexcept;
  RamBacking& operator=(RamBacking&& other) noexcept;
  ~RamBacking();

  // The file gets another name on its file system and is not removed by this any more; an existing file of
  // that name is replaced. kUnimplemented for a memfd.
  Result<void> give_away(const std::string& name);

  bool named() const { return !path_.empty(); }
  const std::string& path() const { return path_; }  // empty for a memfd
  int fd() const { return fd_.get(); }

 private:
  std::string path_;
  UniqueFd fd_;
};

// The check alone: free bytes of the folder's file system and of the host's memory, less what RAM files there
// have been promised and not yet used; frozen memories (cove-layer-*) never grow.
Result<void> check_ram_fits(const std::string& tmpfs_folder, std::uint64_t bytes);

}  // namespace cove
