#include "tree/folder_chain.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace cove {

Result<int> FolderChain::open(std::span<const std::string> parts) {
  std::size_t shared = 0;
  while (shared < levels_.size() && shared < parts.size() && levels_[shared].name == parts[shared]) ++shared;
  levels_.resize(shared);
  for (const auto& name : parts.subspan(shared)) {
    const int parent = levels_.empty() ? top_ : levels_.back().fd.get();
    UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return Error::from_errno(errno, join({parts.begin(), parts.end()}, "/"));
    levels_.push_back({name, std::move(fd)});
  }
  return levels_.empty() ? top_ : levels_.back().fd.get();
}

}  // namespace cove
