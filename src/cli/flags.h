// Flags: the command line's words as declared flags and plain words. Go's spelling: -name, --name,
// -name=value, -name value; flags may stand before or after plain words; "--" ends them. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cove {

enum class FlagKind : std::uint8_t {
  kSwitch,    // -name, -name=true, -name=false
  kText,      // any value; the last one counts
  kTexts,     // any value, several times
  kCount,     // a whole number
  kDuration,  // Go's spelling ("90s", "1m30s", "500ms"); a bare number is seconds
  kGigabytes  // whole GB: "4", "4G", "4GB", "8192M"
};

// One declared flag. Only views of literals, so that tables of them cost nothing at start.
struct FlagSpec {
  std::string_view name;
  FlagKind kind = FlagKind::kSwitch;
  std::string_view value;          // what stands for the value in usage: "FILE"
  std::string_view summary;        // one line; empty: accepted but not shown
  std::string_view default_value;  // shown in help, and the value when the flag is not given
};

enum class FlagStop : std::uint8_t {
  kDashes,         // only "--" ends the flags
  kFirstPlainWord  // the first plain word does, too (exec, shell)
};

class ParsedFlags {
 public:
  bool given(std::string_view name) const;
  bool is_set(std::string_view name) const;  // a switch given and not "=false"
  // The last value, else the declared default, else "".
  std::string_view text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  // These were checked when parsed; nullopt only if neither a value nor a default exists.
  std::optional<std::uint64_t> count(std::string_view name) const;
  std::optional<std::uint64_t> gigabytes(std::string_view name) const;
  std::optional<std::chrono::nanoseconds> duration(std::string_view name) const;

  std::vector<std::string> words;     // plain words in order, those behind "--" included
  std::optional<std::size_t> dashes;  // index in `words` where those behind "--" begin

 private:
  friend Result<ParsedFlags> parse_flags(std::span<const std::string>, std::span<const FlagSpec* const>,
                                         FlagStop);
  std::vector<std::pair<const FlagSpec*, std::string>> values_;
  std::vector<const FlagSpec*> declared_;
  const FlagSpec* declared(std::string_view name) const;
};

// kInvalidArgument: an unknown flag (the hint names the nearest one), a missing or malformed value.
Result<ParsedFlags> parse_flags(std::span<const std::string> arguments,
                                std::span<const FlagSpec* const> declared, FlagStop stop);

// Go's durations, and bare numbers as seconds; nullopt also for negative ones.
std::optional<std::chrono::nanoseconds> parse_duration_flag(std::string_view text);
std::optional<std::uint64_t> parse_gigabytes(std::string_view text);

// The candidate that `word` was probably meant to be, if any is near enough.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace cove
