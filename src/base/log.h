// Diagnostics for operators, apart from what the CLI says to users. Any thread.
//   error: what the user asked did not happen   warn: odd, but survived   info: rare and worth knowing
//   debug: for whoever looks into a problem     trace: everything
// Secrets never go in here: a field named *password*, *token* or *secret* is replaced by "***".
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace cove {

enum class LogLevel : unsigned char { kTrace, kDebug, kInfo, kWarn, kError, kOff };
using LogField = std::pair<std::string_view, std::string>;

// Before configuration nothing below warn is written, and that to standard error.
void log_to_stderr(LogLevel level);
// JSON lines {"time","level","message",fields...}, mode 0600. At 4 MiB the file becomes PATH.1, of which one
// is kept.
Result<void> log_to_file(const std::filesystem::path& path, LogLevel level);

void log_message(LogLevel level, std::string_view message, std::initializer_list<LogField> fields);
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_message(LogLevel::kError, message, fields);
}
inline void log_warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_message(LogLevel::kWarn, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_message(LogLevel::kInfo, message, fields);
}
inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_message(LogLevel::kDebug, message, fields);
}

}  // namespace cove
