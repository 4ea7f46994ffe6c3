// ScriptSecrets: values that never show in a log or an error text. A value; not synchronised.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove {

class ScriptSecrets {
 public:
  // Empty values are ignored.
  void add(std::string_view value);
  // For variables: only if the name holds PASSWORD, TOKEN or SECRET (any case), and values of four bytes or
  // more: shorter ones would blacken every text.
  void add_variable(std::string_view name, std::string_view value);
  // Every secret becomes "***"; where they overlap the longest wins.
  std::string mask(std::string text) const;

 private:
  std::vector<std::string> values_;  // longest first
};

}  // namespace cove
