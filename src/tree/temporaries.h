// Temporary names of a copy and what killed copies left under them. The kernel locks (flock) a temporary
// while its writer lives; what nobody holds is abandoned. Folders are descriptors, which are borrowed. Any
// thread; an object is used by one.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cove {

// Names that are tried before a temporary cannot be had.
constexpr int kTemporaryTries = 16;

// Names for temporaries: ".cove-cp-" and 16 hexadecimal digits.
class TemporaryNames {
 public:
  TemporaryNames();
  std::string next();
  static bool is_one(const std::string& name);

 private:
  std::uint64_t number_;
};

// Removes the files and folders that killed copies left in the folder; what cannot be removed stays.
void remove_abandoned(int folder);
// Removes what is in the folder, whatever the modes of its folders are. Follows no link and leaves alone what
// is mounted below. What cannot be removed stays.
void empty_folder(int folder);

}  // namespace cove
