#include "cli/main_command.h"

#include <signal.h>

#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/command_lookup.h"
#include "cli/help.h"
#include "cli/host_checks.h"

namespace cove {
namespace {

constexpr std::uint64_t kLittleSpace = std::uint64_t{64} << 20U;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kBySignal = 128;    // + its number, as shells say
constexpr int kReaderGone = 141;  // 128 + SIGPIPE

int exit_status(const Error& error, const Invocation& inv) {
  if (inv.was_usage_error) return kUsage;
  if (error.code() != Code::kCancelled) return inv.failure_status;
  const int number = inv.env.cancelling_signal == nullptr ? 0 : inv.env.cancelling_signal();
  return kBySignal + (number == 0 ? SIGINT : number);
}

// Whatever a command wrote when the store's file system was full: what is full, and how much is wanted.
Error with_space_hint(const Environment& env, Error error) {
  if (!error.hint_text().empty()) return error;
  const bool full = error.code() == Code::kResourceExhausted;
  const auto left = free_space(env.home);
  if (!full || !left.ok() || *left > kLittleSpace) return error;
  return std::move(error).hint(
      "the file system of " + env.home.string() + " is full (" + format_bytes(*left) +
      " free): make room there, or set COVE_HOME to a folder on another one; an image "
      "and a first VM need " +
      format_bytes(kDiskToBegin));
}

void print_error(const Environment& env, const Error& error, bool json) {
  static_cast<void>(write_all({}, env.err, json ? format_error_json(error) : format_error(error)));
}

bool wants_json(const std::vector<std::string>& arguments) {
  for (const auto& argument : arguments) {
    if (argument == "--") break;
    if (argument == "-json" || argument == "--json") return true;
  }
  return false;
}

Result<void> check_words(const CommandSpec& command, const ParsedFlags& flags) {
  if (command.vm_flag == VmFlag::kRefused && flags.given("vm")) {
    return Error(Code::kInvalidArgument,
                 "cove " + std::string(command.name) + " is not about one VM: no -vm here")
        .hint("about one VM: cove status " + std::string(flags.text("vm")));
  }
  const auto line = "usage: " + usage_line(command);
  if (flags.words.size() < command.least_words) {
    return Error(Code::kInvalidArgument,
                 "cove " + std::string(command.name) + " needs " + std::string(command.words))
        .hint(line);
  }
  if (flags.words.size() > command.most_words) {
    return Error(Code::kInvalidArgument, "cove " + std::string(command.name) + ": unexpected word '" +
                                             flags.words[command.most_words] + "'")
        .hint(line);
  }
  return {};
}

int run_command(const Environment& env, const CommandLine& line, Output& out) {
  const auto& command = *line.command;
  const auto declared = flags_of(command);
  auto flags = parse_flags(line.arguments, declared, command.stop);
  if (flags.ok() && (flags->is_set("help") || flags->is_set("h"))) {
    if (flags->is_set("json")) {
      out.print_json(Json::object({{"version", 1}, {"command", help_json(command)}}));
    } else {
      out.print(help_for(command));
    }
    return 0;
  }
  auto usable = flags.ok() ? check_words(command, *flags) : Result<void>(Error(flags.error()));
  if (!usable.ok()) {
    const bool hinted = !usable.error().hint_text().empty();
    const auto pointer = "'cove help " + std::string(command.name) + "' lists its flags";
    const Error error = hinted ? std::move(usable).error() : std::move(usable).error().hint(pointer);
    print_error(env, error, wants_json(line.arguments));
    return kUsage;
  }
  if (flags->is_set("v") || flags->is_set("verbose")) log_to_stderr(LogLevel::kDebug);
  Invocation invocation{env, command, std::move(flags).value(), out};
  auto status = command.run(invocation);
  if (!status.ok()) status = with_space_hint(env, std::move(status).error());
  out.flush();
  if (!status.ok()) {
    print_error(env, status.error(), invocation.json());
    return exit_status(status.error(), invocation);
  }
  return *status;
}

}  // namespace

int run_cli(const Environment& env) {
  Output out(env.out, env.err);
  auto line = find_command(env.arguments);
  if (!line.ok()) {
    print_error(env, line.error(), wants_json(env.arguments));
    return kUsage;
  }
  int status = 0;
  if (line->command == nullptr && !line->help_wanted && !line->arguments.empty()) {
    print_error(env,
                Error(Code::kInvalidArgument, "a command is missing after " + join(line->arguments, " "))
                    .hint("'cove help' lists the commands"),
                wants_json(env.arguments));
    return kUsage;
  }
  if (line->command == nullptr) {
    // Only "cove": the overview is help, but nothing was asked for.
    out.print(help_overview());
    status = line->help_wanted ? 0 : kUsage;
  } else {
    status = run_command(env, *line, out);
  }
  out.flush();
  if (const auto failure = out.failure(); failure && status == 0) {
    if (failure->error_number() == EPIPE) return kReaderGone;
    print_error(env, *failure, false);
    return kFailed;
  }
  return status;
}

}  // namespace cove
