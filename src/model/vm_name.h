// VmName: the name of a VM, snapshot or template: [A-Za-z0-9][A-Za-z0-9._-]{0,62}. A value; once made it is
// valid, so it can be joined to a path without further thought.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

class VmName {
 public:
  // kInvalidArgument, saying which character or length is wrong.
  static Result<VmName> parse(std::string_view text);

  const std::string& str() const { return text_; }
  friend auto operator<=>(const VmName&, const VmName&) = default;

 private:
  explicit VmName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace cove
