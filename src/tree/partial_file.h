// PartialFile: a file that is written under a temporary name beside its own and gets its own when it is
// whole, or, where nobody looks before a PartialFolder is whole, is written under its own at once. Folders
// are given as descriptors, which are borrowed and outlive it. The kernel locks the temporary while its
// writer lives, so that remove_abandoned can tell what a killed copy left. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "tree/temporaries.h"

namespace cove {

// Whether an entry may take the name: it is free, a file's or a link's. kFailedPrecondition: a folder,
// device, pipe or socket has it; `shown` is what the error calls it.
Result<void> check_replaceable(int folder, const std::string& name, const std::string& shown);

class PartialFile {
 public:
  enum class Sync : std::uint8_t { kNo, kYes };

  static Result<PartialFile> create(int folder, TemporaryNames& names, const std::string& shown);
  // Under its own name, which `publish` is to repeat. kAlreadyExists: something has it.
  static Result<PartialFile> create_named(int folder, const std::string& name, const std::string& shown);
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&& other) noexcept;
  ~PartialFile();  // removes what has not been published

  int fd() const { return fd_.get(); }
  // The name is taken by the whole file, in one step. kYes: file and name have reached the disk then.
  Result<void> publish(const std::string& name, Sync sync, const std::string& shown);

 private:
  PartialFile(int folder, std::string temporary, UniqueFd fd);
  int folder_;
  std::string temporary_;  // empty: published
  UniqueFd fd_;
};

}  // namespace cove
