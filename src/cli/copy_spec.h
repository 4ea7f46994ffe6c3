// CopySpec: one side of `cove cp`: a path here, a path in a VM ("NAME:/path", ":/path" for the chosen VM), or
// "-". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/vm_name.h"
#include "tree/tree_reader.h"

namespace cove {

struct CopySpec {
  enum class Kind : std::uint8_t { kHost, kGuest, kStream };
  Kind kind = Kind::kHost;
  std::optional<VmName> vm;  // kGuest: empty = the chosen VM
  std::string path;          // kGuest: "" = the home folder
};

// Whether a path names a file rather than a folder, as far as its words tell: not "", "~", "a/", "..".
bool names_a_file(std::string_view path);

// A colon before the first slash makes it a guest path; "./a:b" is a file here. kInvalidArgument: no VM name.
Result<CopySpec> parse_copy_spec(std::string_view word);

// The sources under the names they arrive with; "." and ".." get the name of the folder they mean.
// kInvalidArgument: two of one name, or a place without a name.
Result<std::vector<TreeSource>> host_sources(const std::vector<std::string>& paths);

}  // namespace cove
