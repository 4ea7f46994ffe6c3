// ScriptPattern: a compiled regular expression of the RE2 dialect in multi-line mode, with Go's rules for
// repeated matches and for bytes that are no UTF-8. Immutable once made; any thread. Linear time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

class ScriptPattern {
 public:
  struct Match {
    std::size_t begin;
    std::size_t end;
  };

  // kInvalidArgument: "error parsing regexp: WHAT: `PART`". `(?m)` is put in front; `\C` is refused.
  static Result<ScriptPattern> compile(std::string_view expression);
  ScriptPattern(ScriptPattern&&) noexcept;
  ScriptPattern& operator=(ScriptPattern&&) noexcept;
  ~ScriptPattern();

  // The leftmost match, in bytes of `text`.
  std::optional<Match> find(std::string_view text) const;
  // Matches that do not overlap; an empty one right after another does not count.
  std::size_t count(std::string_view text) const;
  // "(?m)" and the expression, for messages.
  const std::string& shown() const { return shown_; }

 private:
  struct Compiled;
  ScriptPattern(std::unique_ptr<Compiled> compiled, std::string shown);
  std::unique_ptr<Compiled> compiled_;
  std::string shown_;
};

}  // namespace cove
