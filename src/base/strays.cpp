#include "base/strays.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/files.h"
#include "base/strings.h"

namespace cove {
namespace {

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  const auto threads = list_directory(tasks);
  if (!threads.ok()) return children;
  for (const std::string& thread : *threads) {
    const auto list = read_file(tasks + "/" + thread + "/children");
    if (!list.ok()) continue;
    for (const auto word : split(*list, ' ')) {
      if (const auto pid = parse_u64(trim(word))) children.push_back(static_cast<pid_t>(*pid));
    }
  }
  return children;
}

// The number may have gone to a stranger between the list and the open.
UniqueFd hold(pid_t child, pid_t parent) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const auto now = children_of(parent);
  if (std::find(now.begin(), now.end(), child) == now.end()) fd.reset();
  return fd;
}

}  // namespace

void Strays::gather(pid_t root) {
  std::vector<pid_t> parents = {root};
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const pid_t parent = parents[i];
    for (const pid_t child : children_of(parent)) {
      parents.push_back(child);
      if (::getpgid(child) == root) continue;
      if (auto fd = hold(child, parent)) found_.push_back(std::move(fd));
    }
  }
}

void Strays::signal(int number) const {
  for (const auto& fd : found_) ::syscall(SYS_pidfd_send_signal, fd.get(), number, nullptr, 0);
}

}  // namespace cove
