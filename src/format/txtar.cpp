#include "format/txtar.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace cove {
namespace {

constexpr std::string_view kMarkerBegin = "-- ";
constexpr std::string_view kMarkerEnd = " --";

// White space beyond ASCII, as UTF-8.
constexpr std::array<std::string_view, 19> kWideSpaces = {
    "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

// Bytes of the white space that `text` begins with, 0 if none.
std::size_t leading_space(std::string_view text) {
  if (text.empty()) return 0;
  if (std::string_view(" \t\n\v\f\r").find(text.front()) != std::string_view::npos) return 1;
  for (const auto space : kWideSpaces) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

std::size_t trailing_space(std::string_view text) {
  if (text.empty()) return 0;
  if (std::string_view(" \t\n\v\f\r").find(text.back()) != std::string_view::npos) return 1;
  for (const auto space : kWideSpaces) {
    if (text.ends_with(space)) return space.size();
  }
  return 0;
}

std::string_view trim_unicode(std::string_view text) {
  while (const std::size_t count = leading_space(text)) text.remove_prefix(count);
  while (const std::size_t count = trailing_space(text)) text.remove_suffix(count);
  return text;
}

// The name on a marker line (without its LF), nullopt for any other line.
std::optional<std::string_view> marker_name(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() < kMarkerBegin.size() + kMarkerEnd.size()) return std::nullopt;
  if (!line.starts_with(kMarkerBegin) || !line.ends_with(kMarkerEnd)) return std::nullopt;
  line.remove_prefix(kMarkerBegin.size());
  line.remove_suffix(kMarkerEnd.size());
  line = trim_unicode(line);
  if (line.empty()) return std::nullopt;
  return line;
}

std::string with_final_newline(std::string_view data) {
  std::string text(data);
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

}  // namespace

TxtarArchive parse_txtar(std::string_view bytes) {
  TxtarArchive archive;
  std::string* part = &archive.comment;
  std::size_t part_begin = 0;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::size_t next = std::min(end + 1, bytes.size());
    if (const auto name = marker_name(bytes.substr(at, end - at))) {
      *part = bytes.substr(part_begin, at - part_begin);
      archive.files.push_back({std::string(*name), {}});
      part = &archive.files.back().data;
      part_begin = next;
    }
    at = next;
  }
  *part = with_final_newline(bytes.substr(part_begin));
  return archive;
}

std::string format_txtar(const TxtarArchive& archive) {
  std::string text = with_final_newline(archive.comment);
  for (const auto& file : archive.files) {
    text += kMarkerBegin;
    text += file.name;
    text += kMarkerEnd;
    text += '\n';
    text += with_final_newline(file.data);
  }
  return text;
}

}  // namespace cove
