#include "script/diff.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace cove {
namespace {

using Lines = std::vector<std::string_view>;
constexpr std::size_t kContext = 3;
constexpr std::size_t kMaxCells = 4'000'000;

// Lines with their LF, which only the last may lack.
Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const auto newline = text.find('\n');
    const std::size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

struct Edit {
  char sign;  // ' ', '-' or '+'
  std::string_view line;
};

// Appends the edits that turn the middle of `a` into the middle of `b`, by the longest common subsequence.
void append_middle(std::vector<Edit>& edits, std::span<const std::string_view> a,
                   std::span<const std::string_view> b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::uint32_t> common;  // of a[i..] and b[j..]
  const bool small = (a.size() + 1) <= kMaxCells / width;
  if (small) {
    common.resize((a.size() + 1) * width);
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        common[i * width + j] = a[i] == b[j]
                                    ? common[(i + 1) * width + j + 1] + 1
                                    : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
      }
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (small && i < a.size() && j < b.size() && a[i] == b[j]) {
      edits.push_back({' ', a[i]});
      ++i, ++j;
    } else if (i < a.size() &&
               (j == b.size() || !small || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      edits.push_back({'-', a[i++]});
    } else {
      edits.push_back({'+', b[j++]});
    }
  }
}

std::vector<Edit> edits_between(const Lines& a, const Lines& b) {
  std::size_t head = 0;
  while (head < std::min(a.size(), b.size()) && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < std::min(a.size(), b.size()) - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
    ++tail;
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < head; ++i) edits.push_back({' ', a[i]});
  append_middle(edits, std::span(a).subspan(head, a.size() - head - tail),
                std::span(b).subspan(head, b.size() - head - tail));
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) edits.push_back({' ', a[i]});
  return edits;
}

std::string range(std::size_t before, std::size_t count) {
  return std::to_string(count == 0 ? before : before + 1) + "," + std::to_string(count);
}

// One hunk: edits [begin, end), with `old_before` and `new_before` lines in front of it.
std::string hunk(const std::vector<Edit>& edits, std::size_t begin, std::size_t end, std::size_t old_before,
                 std::size_t new_before) {
  std::string body;
  std::size_t old_count = 0;
  std::size_t new_count = 0;
  for (std::size_t i = begin; i < end; ++i) {
    if (edits[i].sign != '+') ++old_count;
    if (edits[i].sign != '-') ++new_count;
    body += edits[i].sign;
    body += edits[i].line;
    if (!edits[i].line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
  }
  return "@@ -" + range(old_before, old_count) + " +" + range(new_before, new_count) + " @@\n" + body;
}

}  // namespace

std::string unified_diff(std::string_view old_name, std::string_view old_text, std::string_view new_name,
                         std::string_view new_text) {
  if (old_text == new_text) return {};
  const Lines old_lines = lines_of(old_text);
  const Lines new_lines = lines_of(new_text);
  const std::vector<Edit> edits = edits_between(old_lines, new_lines);
  const std::string a(old_name);
  const std::string b(new_name);
  std::string result = "diff " + a + " " + b + "\n--- " + a + "\n+++ " + b + "\n";
  std::size_t old_before = 0;
  std::size_t new_before = 0;
  std::size_t begin = 0;
  while (begin < edits.size()) {
    std::size_t change = begin;
    while (change < edits.size() && edits[change].sign == ' ') ++change;
    if (change == edits.size()) break;
    const std::size_t skipped = change - begin > kContext ? change - begin - kContext : 0;
    begin += skipped, old_before += skipped, new_before += skipped;
    // The hunk goes on while the next change is within twice the context.
    std::size_t end = change;
    for (std::size_t i = change; i < edits.size() && i - end <= 2 * kContext; ++i) {
      if (edits[i].sign != ' ') end = i + 1;
    }
    end = std::min(end + kContext, edits.size());
    result += hunk(edits, begin, end, old_before, new_before);
    for (; begin < end; ++begin) {
      if (edits[begin].sign != '+') ++old_before;
      if (edits[begin].sign != '-') ++new_before;
    }
  }
  return result;
}

}  // namespace cove
