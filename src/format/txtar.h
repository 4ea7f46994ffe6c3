// txtar: a comment followed by named files in one text, the container of script tests and recipes. Pure
// functions. There are no syntax errors: what is not a marker line is content. Names are not checked and may
// repeat.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove {

struct TxtarFile {
  std::string name;
  std::string data;  // empty, or ends with LF
  bool operator==(const TxtarFile&) const = default;
};

struct TxtarArchive {
  std::string comment;  // empty, or ends with LF
  std::vector<TxtarFile> files;
  bool operator==(const TxtarArchive&) const = default;
};

// A marker is a whole line "-- NAME --", ended by LF, CR LF or the end of the data; NAME is trimmed of white
// space (Unicode's) and not empty.
TxtarArchive parse_txtar(std::string_view bytes);
// Adds missing final LFs. Content that looks like a marker line is not protected.
std::string format_txtar(const TxtarArchive& archive);

}  // namespace cove
