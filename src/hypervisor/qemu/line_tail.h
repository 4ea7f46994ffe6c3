// LineTail: keeps the last lines of a text that arrives in pieces, made fit to be shown: control characters
// replaced, long lines cut. One owner.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace cove {

class LineTail {
 public:
  static constexpr std::size_t kMaxLines = 40;
  static constexpr std::size_t kMaxLineBytes = 1000;

  void push(std::string_view bytes);
  // Oldest first; an unfinished line counts.
  std::vector<std::string> lines() const;

 private:
  std::deque<std::string> lines_;
  std::string open_;
};

}  // namespace cove
