// Shows a log file, and what is added to it. One thread, blocking. Woken by inotify, not by a clock; a file
// that is replaced (rotation) is followed under its new content.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "base/cancel.h"
#include "cli/output.h"

namespace cove {

struct LogRequest {
  std::filesystem::path file;
  std::optional<std::uint64_t> last_lines;
  // A guest writes these bytes: on a terminal they must not steer it.
  enum class Style : unsigned char { kAsIs, kPrintable } style = Style::kAsIs;
  enum class Follow : unsigned char { kNo, kWhileTrue } follow = Follow::kNo;
  std::function<bool()> go_on;  // asked about once a second
};

// kNotFound: no such file.
Result<void> show_log(const OpContext& ctx, const LogRequest& request, Output& out);

// The last `lines` lines of text. Pure.
std::string_view last_lines(std::string_view text, std::uint64_t lines);

}  // namespace cove
