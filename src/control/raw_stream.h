// RawStream: the bytes of a control connection that stopped carrying lines (console-attach), at either end.
#pragma once

#include <string>

#include "base/unique_fd.h"

namespace cove {

struct RawStream {
  UniqueFd fd;        // non-blocking
  std::string early;  // already read; comes before what the descriptor gives
};

}  // namespace cove
