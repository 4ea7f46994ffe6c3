// FolderChain: opens folders below one by their paths without following links. Consecutive paths mostly share
// their beginning, whose folders stay open. The top folder is a borrowed descriptor. One thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class FolderChain {
 public:
  explicit FolderChain(int top) : top_(top) {}
  // Valid until the next call; no parts: the top. The error names the path.
  Result<int> open(std::span<const std::string> parts);

 private:
  struct Level {
    std::string name;
    UniqueFd fd;
  };
  int top_;
  std::vector<Level> levels_;
};

}  // namespace cove
