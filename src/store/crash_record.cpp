#include "store/crash_record.h"

#include <algorithm>

namespace cove {
namespace {

Json limited(const std::vector<std::string>& lines) {
  Json list = Json::array();
  const std::size_t first = lines.size() - std::min(lines.size(), CrashRecord::kMaxLines);
  for (std::size_t i = first; i < lines.size(); ++i) {
    list.push_back(lines[i].substr(0, CrashRecord::kMaxLineBytes));
  }
  return list;
}

std::vector<std::string> lines_of(const Json& list) {
  std::vector<std::string> lines;
  const std::size_t count = std::min(list.items().size(), CrashRecord::kMaxLines);
  for (std::size_t i = 0; i < count; ++i) {
    lines.push_back(list.items()[i].as_string().substr(0, CrashRecord::kMaxLineBytes));
  }
  return lines;
}

}  // namespace

Json CrashRecord::to_json() const {
  return Json::object({{"at", at},
                       {"reason", reason.substr(0, kMaxLineBytes)},
                       {"console", limited(console)},
                       {"console_from", console_from == ConsoleFrom::kPanic ? "panic" : "end"},
                       {"engine", limited(engine)},
                       {"monitor", limited(monitor)}});
}

CrashRecord CrashRecord::from_json(const Json& json) {
  return {.at = json.get("at").as_string(),
          .reason = json.get("reason").as_string().substr(0, kMaxLineBytes),
          .console = lines_of(json.get("console")),
          .console_from =
              json.get("console_from").as_string() == "panic" ? ConsoleFrom::kPanic : ConsoleFrom::kEnd,
          .engine = lines_of(json.get("engine")),
          .monitor = lines_of(json.get("monitor"))};
}

}  // namespace cove
