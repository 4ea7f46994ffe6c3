// Strays: descendants of a process that have left its process group (setsid, job control of a shell), so that
// a signal to the group does not reach them. Held by pidfds: they can be signalled when the process between
// has ended. Whoever ends a process owns one; one thread.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.h"

namespace cove {

class Strays {
 public:
  // Adds those that stand below `root` now. A descendant whose parent has ended already stands below nobody
  // and is not found: daemons stay what they are.
  void gather(pid_t root);
  void signal(int number) const;

 private:
  std::vector<UniqueFd> found_;
};

}  // namespace cove
