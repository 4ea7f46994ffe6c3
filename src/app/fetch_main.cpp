// cove-fetch: builds guest images for `cove image build` and `cove up`, apart from the CLI so that the CLI
// stays light. Progress goes to standard output, as lines for people or (-json-progress) as JSON lines:
//   {"step":"installing packages"}  {"done":12345,"total":0}  {"result":{...}}  {"error":{...}}
// Exit status: 0 built or there already, 1 failed, 2 usage, 130 cancelled. SIGINT and SIGTERM cancel cleanly.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/io.h"
#include "base/json.h"
#include "base/standard_streams.h"
#include "base/strings.h"
#include "base/thread.h"
#include "catalog/debian_builder.h"

namespace cove {
namespace {

constexpr std::string_view kUsage =
    "usage: cove-fetch build IMAGE -home DIR -agent FILE -unit FILE -initrd FILE\n"
    "                        [-if-missing | -force] [-json-progress]\n";

enum class Style : unsigned char { kPlain, kJson };

void print(std::string_view line) {
  static_cast<void>(write_all({}, STDOUT_FILENO, std::string(line) + "\n"));
}

class LineProgress final : public Progress {
 public:
  explicit LineProgress(Style style) : style_(style) {}
  void step(std::string_view what) override {
    print(style_ == Style::kJson ? Json::object({{"step", what}}).dump() : std::string(what));
  }
  void amount(std::uint64_t done, std::uint64_t total) override {
    if (style_ == Style::kJson) print(Json::object({{"done", done}, {"total", total}}).dump());
  }

 private:
  Style style_;
};

struct Arguments {
  DebianBuildOptions options;
  Style style = Style::kPlain;
};

Result<Arguments> parse_arguments(const std::vector<std::string>& words) {
  const Error usage(Code::kInvalidArgument, "wrong arguments");
  Arguments arguments;
  if (words.size() < 2 || words[0] != "build") return Error(usage);
  arguments.options.ref = COVE_TRY(ImageRef::parse(words[1]));
  std::filesystem::path* value = nullptr;
  for (std::size_t i = 2; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (value != nullptr) {
      *std::exchange(value, nullptr) = words[i];
      continue;
    }
    if (word.starts_with("--")) word.remove_prefix(1);
    if (word == "-home") value = &arguments.options.home;
    if (word == "-agent") value = &arguments.options.agent;
    if (word == "-unit") value = &arguments.options.agent_unit;
    if (word == "-initrd") value = &arguments.options.initrd_program;
    if (value != nullptr) continue;
    if (word == "-json-progress") {
      arguments.style = Style::kJson;
    } else if (word == "-if-missing") {
      arguments.options.rebuild = DebianBuildOptions::Rebuild::kIfMissing;
    } else if (word == "-force") {
      arguments.options.rebuild = DebianBuildOptions::Rebuild::kAlways;
    } else {
      return Error(Code::kInvalidArgument, "unknown argument " + words[i]);
    }
  }
  const DebianBuildOptions& given = arguments.options;
  if (value != nullptr || given.home.empty() || given.agent.empty() || given.agent_unit.empty() ||
      given.initrd_program.empty()) {
    return Error(usage);
  }
  return arguments;
}

// Turns the first SIGINT, SIGTERM or SIGHUP into a cancel; ends with its owner.
class SignalWatch {
 public:
  explicit SignalWatch(const CancelSource& cancel) : stop_(::eventfd(0, EFD_CLOEXEC)) {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC));
    thread_ = Thread("signals", [this, &cancel] {
      pollfd fds[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      while (::poll(fds, 2, -1) < 0) {
      }
      if (fds[0].revents != 0) cancel.cancel();
    });
  }
  ~SignalWatch() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof(one));
  }

 private:
  UniqueFd stop_;
  UniqueFd signals_;
  Thread thread_;
};

int report_error(const Error& error, Style style) {
  if (style == Style::kJson) {
    print(Json::object({{"error", Json::object({{"code", code_name(error.code())},
                                                {"message", error.message()},
                                                {"hint", error.hint_text()}})}})
              .dump());
  } else {
    std::string text = "cove-fetch: " + error.message() + "\n";
    if (!error.hint_text().empty()) text += "hint: " + error.hint_text() + "\n";
    static_cast<void>(write_all({}, STDERR_FILENO, text));
  }
  return error.code() == Code::kCancelled ? 130 : 1;
}

int run(const std::vector<std::string>& words, char** environment) {
  auto parsed = parse_arguments(words);
  if (!parsed.ok()) {
    static_cast<void>(
        write_all({}, STDERR_FILENO, "cove-fetch: " + parsed.error().message() + "\n" + std::string(kUsage)));
    return 2;
  }
  Arguments& arguments = parsed.value();
  const char* temporary = std::getenv("TMPDIR");
  arguments.options.temporary = temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
  for (char** entry = environment; *entry != nullptr; ++entry)
    arguments.options.environment.emplace_back(*entry);
  const CancelSource cancel;
  const SignalWatch signals(cancel);
  LineProgress progress(arguments.style);
  const Style style = arguments.style;
  auto image = DebianBuilder(std::move(arguments.options)).build({cancel.token(), {}}, progress);
  if (!image.ok()) return report_error(image.error(), style);
  const ImageManifest& manifest = image.value().manifest;
  if (style == Style::kJson) {
    print(Json::object({{"result", manifest.to_json()}}).dump());
  } else {
    print(manifest.ref.str() + " " + manifest.digest + " (" + format_bytes(manifest.content_bytes) + ")");
  }
  return 0;
}

}  // namespace
}  // namespace cove

int main(int argc, char** argv, char** environment) {
  cove::open_standard_streams();
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  return cove::run({argv + 1, argv + argc}, environment);
}
