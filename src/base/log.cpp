#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"

namespace cove {
namespace {

enum class Shape : unsigned char { kText, kJson };

struct Sink {
  std::shared_ptr<spdlog::logger> logger;
  Shape shape = Shape::kText;
};

// The process's one log. Set up once by main before threads exist; spdlog's loggers are safe from any thread.
Sink& sink() {
  static Sink instance = [] {
    auto logger = std::make_shared<spdlog::logger>("cove", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog::level::warn);
    logger->set_pattern("%v");
    return Sink{std::move(logger), Shape::kText};
  }();
  return instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(level == LogLevel::kOff ? 6 : static_cast<int>(level));
}

constexpr std::string_view kLevelNames[] = {"trace", "debug", "info", "warn", "error", "off"};

bool is_secret(std::string_view name) {
  const std::string lower = to_lower(name);
  for (const auto word : {"password", "token", "secret"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

void log_to_stderr(LogLevel level) { sink().logger->set_level(spdlog_level(level)); }

Result<void> log_to_file(const std::filesystem::path& path, LogLevel level) {
  try {
    const mode_t before = ::umask(0077);
    auto file = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), 4U << 20U, 1);
    ::umask(before);
    auto logger = std::make_shared<spdlog::logger>("cove", std::move(file));
    logger->set_pattern("%v");
    logger->set_level(spdlog_level(level));
    logger->flush_on(spdlog::level::info);
    sink() = Sink{std::move(logger), Shape::kJson};
    return {};
  } catch (const std::exception& e) {
    return Error(Code::kUnavailable, std::string("opening log: ") + e.what());
  }
}

void log_message(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  const Sink& out = sink();
  if (!out.logger->should_log(spdlog_level(level))) return;
  if (out.shape == Shape::kJson) {
    nlohmann::ordered_json line = {{"time", format_rfc3339(std::chrono::system_clock::now())},
                                   {"level", kLevelNames[static_cast<std::size_t>(level)]},
                                   {"message", message}};
    for (const auto& [name, value] : fields) line[std::string(name)] = is_secret(name) ? "***" : value;
    out.logger->log(spdlog_level(level), "{}",
                    line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  std::string text = std::string(kLevelNames[static_cast<std::size_t>(level)]) + ": " + std::string(message);
  for (const auto& [name, value] : fields) {
    text += " " + std::string(name) + "=" + (is_secret(name) ? "***" : shell_quote(value));
  }
  out.logger->log(spdlog_level(level), "{}", text);
}

}  // namespace cove
