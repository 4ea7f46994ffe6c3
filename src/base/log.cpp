#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/clock.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/io.h"
#include "base/json.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 20U;
constexpr std::string_view kLevelNames[] = {"trace", "debug", "info", "warn", "error", "off"};

struct Output {
  UniqueFd file;  // none: standard error
  std::filesystem::path path;
  std::uint64_t size = 0;
};

// The process's one log: the level is read by every call, the output only by those that write.
struct Log {
  std::atomic<LogLevel> level = LogLevel::kWarn;
  Guarded<Output> output;
};

Log& process_log() {
  static Log instance;
  return instance;
}

Result<Output> open_output(const std::filesystem::path& path) {
  Output output{COVE_TRY(open_file(path, O_WRONLY | O_APPEND | O_CREAT, 0600)), path, 0};
  struct stat info {};
  if (::fstat(output.file.get(), &info) != 0) return Error::from_errno(errno, path.string());
  output.size = static_cast<std::uint64_t>(info.st_size);
  return output;
}

// A log that cannot be rotated goes on in the file it has: losing lines would be worse.
void rotate(Output& output) {
  std::error_code ignored;
  std::filesystem::rename(output.path, output.path.string() + ".1", ignored);
  if (auto fresh = open_output(output.path); fresh.ok()) output = std::move(fresh).value();
}

bool is_secret(std::string_view name) {
  const std::string lower = to_lower(name);
  for (const auto word : {"password", "token", "secret"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string json_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Json line = Json::object({{"time", format_rfc3339(std::chrono::system_clock::now())},
                            {"level", std::string(kLevelNames[static_cast<std::size_t>(level)])},
                            {"message", std::string(message)}});
  for (const auto& [name, value] : fields) line.set(name, is_secret(name) ? Json("***") : Json(value));
  return line.dump() + "\n";
}

std::string text_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string text = std::string(kLevelNames[static_cast<std::size_t>(level)]) + ": " + std::string(message);
  for (const auto& [name, value] : fields) {
    text += " " + std::string(name) + "=" + (is_secret(name) ? "***" : shell_quote(value));
  }
  return text + "\n";
}

}  // namespace

void log_to_stderr(LogLevel level) { process_log().level = level; }

Result<void> log_to_file(const std::filesystem::path& path, LogLevel level) {
  Output opened = COVE_TRY(open_output(path));
  process_log().output.with([&](Output& output) { output = std::move(opened); });
  process_log().level = level;
  return {};
}

void log_message(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Log& log = process_log();
  if (level < log.level) return;
  log.output.with([&](Output& output) {
    const bool to_file = output.file.valid();
    const std::string line = to_file ? json_line(level, message, fields) : text_line(level, message, fields);
    if (to_file && output.size + line.size() > kMaxFileBytes) rotate(output);
    // A full disk loses log lines, never the program.
    static_cast<void>(write_all({}, to_file ? output.file.get() : STDERR_FILENO, line));
    output.size += line.size();
  });
}

}  // namespace cove
