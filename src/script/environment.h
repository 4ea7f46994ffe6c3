// ScriptEnvironment: a script's variables: an ordered list "K=V" without duplicate names, as programs get it,
// and a map for expansion. A variable set again moves to the end. A value; not synchronised.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cove {

class ScriptEnvironment {
 public:
  ScriptEnvironment() = default;
  // Entries without '=' stay in the list and are no variables.
  explicit ScriptEnvironment(const std::vector<std::string>& entries);
  ScriptEnvironment(const ScriptEnvironment&) = delete;
  ScriptEnvironment& operator=(const ScriptEnvironment&) = delete;

  void set(std::string_view name, std::string_view value);
  // Empty when unset. "/" and ":" are known too, though not in the list: path and list separator. Valid until
  // the next set().
  std::string_view get(std::string_view name) const;
  std::vector<std::string> list() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::list<std::string> entries_;
  std::unordered_map<std::string, std::list<std::string>::iterator, Hash, std::equal_to<>> index_;
};

}  // namespace cove
