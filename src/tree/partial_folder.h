// PartialFolder: a folder that is filled under a temporary name beside its own and gets its own when it is
// whole. The kernel locks it while its writer lives, as it does a PartialFile. The parent is a descriptor,
// which is borrowed and outlives it. One thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "tree/temporaries.h"

namespace cove {

class PartialFolder {
 public:
  // Empty, of mode 0700. `shown` is what an error calls it.
  static Result<PartialFolder> create(int parent, TemporaryNames& names, const std::string& shown);
  PartialFolder(PartialFolder&& other) noexcept;
  PartialFolder& operator=(PartialFolder&& other) = delete;
  ~PartialFolder();  // removes it with everything in it unless it was published

  int fd() const { return fd_.get(); }
  // The folder takes the name in one step. kAborted: something has the name by now and keeps it.
  Result<void> publish(const std::string& name, const std::string& shown);

 private:
  PartialFolder(int parent, std::string temporary, UniqueFd fd);
  int parent_;
  std::string temporary_;  // empty: published
  UniqueFd fd_;
};

// What publish does where the file system cannot rename and check in one step: between the two, an empty
// folder that appears would be replaced, and nothing else. 0, or -1 and errno (EEXIST).
int rename_if_free(int parent, const char* from, const char* to);

}  // namespace cove
