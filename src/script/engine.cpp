#include "script/engine.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "script/call.h"
#include "script/parser.h"
#include "script/quote.h"
#include "script/state.h"

namespace cove {

void ScriptEngine::add(ScriptCommand command) {
  std::string name = command.name;
  commands_.insert_or_assign(std::move(name), std::move(command));
}

void ScriptEngine::add(ScriptCondition condition) {
  std::string name = condition.name;
  conditions_.insert_or_assign(std::move(name), std::move(condition));
}

void ScriptEngine::remove_command(std::string_view name) {
  if (const auto known = commands_.find(name); known != commands_.end()) commands_.erase(known);
}

const ScriptCommand* ScriptEngine::command(std::string_view name) const {
  const auto known = commands_.find(name);
  return known == commands_.end() ? nullptr : &known->second;
}

const ScriptCondition* ScriptEngine::condition(std::string_view name) const {
  const auto known = conditions_.find(name);
  return known == conditions_.end() ? nullptr : &known->second;
}

Result<bool> ScriptEngine::evaluate(ScriptState& state, std::string_view tag) const {
  const auto colon = tag.find(':');
  const bool has_suffix = colon != std::string_view::npos;
  const std::string_view name = tag.substr(0, colon);
  const ScriptCondition* found = condition(name);
  const auto fail = [](std::string text) { return Error(Code::kInvalidArgument, std::move(text)); };
  if (found == nullptr) {
    return fail((has_suffix ? "unknown condition prefix " : "unknown condition ") + quote_double(name));
  }
  const bool prefix = found->form == ScriptCondition::Form::kPrefix;
  if (has_suffix && !prefix) return fail("condition " + quote_double(name) + " cannot be used with a suffix");
  if (!has_suffix && prefix) return fail("condition " + quote_double(name) + " requires a suffix");
  return found->eval(state, has_suffix ? tag.substr(colon + 1) : std::string_view())
      .context("evaluating condition " + quote_double(tag));
}

namespace {

// One run of one script.
class ScriptRun {
 public:
  ScriptRun(const ScriptEngine& engine, ScriptEngine::Verbosity verbosity, ScriptState& state,
            std::string_view file, const ScriptLogSink& log)
      : engine_(engine), verbosity_(verbosity), state_(state), file_(file), log_(log) {}

  Result<ScriptEnd> run(std::string_view text) {
    auto end = run_lines(text);
    if (end.ok()) return end;
    // The section is ended in any case; the first error is the one to tell.
    static_cast<void>(end_section(SectionEnd::kFailed).ok());
    return Error(end.error().code(), state_.mask(end.error().message()));
  }

 private:
  enum class SectionEnd : std::uint8_t { kGood, kFailed };
  using MaybeStop = std::optional<ScriptStop>;

  std::string place() const { return file_ + ":" + std::to_string(line_number_); }
  Error line_error(const Error& cause) const { return Error(cause.code(), place() + ": " + cause.message()); }
  Result<void> at_line(Result<void> result) const {
    if (result.ok()) return result;
    return line_error(result.error());
  }

  Result<void> write(std::string text) { return at_line(log_(state_.mask(std::move(text)))); }

  Result<void> end_section(SectionEnd how) {
    const auto begun = std::exchange(section_, std::nullopt);
    if (!begun) {
      if (state_.log_empty()) return {};
      return at_line(log_(state_.take_log()));
    }
    if (state_.log_empty()) return write("\n");
    const std::chrono::duration<double> took = state_.clock().now() - *begun;
    char footer[40];
    std::snprintf(footer, sizeof footer, " (%.3fs)\n", took.count());
    std::string text = state_.take_log();
    if (how == SectionEnd::kGood && verbosity_ == ScriptEngine::Verbosity::kQuiet) text.clear();
    return at_line(log_(footer + text));
  }

  Result<void> begin_section(std::string_view header) {
    COVE_TRY(end_section(SectionEnd::kGood));
    section_ = state_.clock().now();
    return write(std::string(header));
  }

  Result<ScriptEnd> run_lines(std::string_view text) {
    for (;;) {
      COVE_TRY(at_line(state_.check_context()));
      if (text.empty()) break;
      const auto newline = text.find('\n');
      const std::string_view line = text.substr(0, newline);
      text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
      ++line_number_;
      if (line.starts_with('#')) {
        COVE_TRY(begin_section(line));
        continue;
      }
      if (const MaybeStop stop = COVE_TRY(run_line(line))) {
        COVE_TRY(end_section(SectionEnd::kGood));
        COVE_TRY(write(stop->message.empty() ? "stop\n" : "stop: " + stop->message + "\n"));
        return ScriptEnd::kStopped;
      }
    }
    COVE_TRY(end_section(SectionEnd::kGood));
    return ScriptEnd::kLastLine;
  }

  void log_line(std::string_view line) {
    state_.log("> ");
    state_.log(line);
    state_.log("\n");
  }

  Result<MaybeStop> run_line(std::string_view text) {
    auto parsed = parse_script_line(text);
    if (!parsed.ok()) {
      log_line(text);
      return line_error(parsed.error());
    }
    if (!*parsed) return MaybeStop();
    log_line(text);
    const ScriptLine& line = **parsed;
    for (const auto& guard : line.guards) {
      const auto holds = engine_.evaluate(state_, guard.tag);
      if (!holds.ok()) return line_error(holds.error());
      if (*holds != (guard.wanted == ScriptGuard::Wanted::kTrue)) {
        state_.log("[condition not met]\n");
        return MaybeStop();
      }
    }
    return run_command(line);
  }

  std::vector<std::string> expand_arguments(const ScriptLine& line, const ScriptCommand* command) const {
    std::vector<ScriptExpansion> expansions(line.arguments.size(), ScriptExpansion::kPlain);
    if (command != nullptr && command->pattern_arguments) {
      std::vector<std::string> raw(line.arguments.size());
      for (std::size_t i = 0; i < raw.size(); ++i) {
        for (const auto& piece : line.arguments[i]) raw[i] += piece.text;
      }
      for (const std::size_t i : command->pattern_arguments(raw)) {
        if (i < expansions.size()) expansions[i] = ScriptExpansion::kPattern;
      }
    }
    std::vector<std::string> expanded(line.arguments.size());
    for (std::size_t i = 0; i < expanded.size(); ++i) {
      for (const auto& piece : line.arguments[i]) {
        if (piece.kind == ScriptPiece::Kind::kQuoted) {
          expanded[i] += piece.text;
        } else {
          append_expanded(expanded[i], piece.text, state_.environment(), expansions[i]);
        }
      }
    }
    return expanded;
  }

  Result<MaybeStop> run_command(const ScriptLine& line) {
    const ScriptCommand* command = engine_.command(line.name);
    const bool background = line.ground == ScriptLine::Ground::kBackground;
    ScriptCall call{place(), std::string(line.name), expand_arguments(line, command), line.want};
    if (command == nullptr) return call_error(call, Error(Code::kInvalidArgument, "unknown command"));
    if (background && command->async == ScriptCommand::Async::kNo) {
      return call_error(call, Error(Code::kInvalidArgument, "command cannot be run in background"));
    }
    auto step = command->run(state_, call.arguments);
    if (!step.ok()) return finish(call, std::move(step).error());
    if (auto* stop = std::get_if<ScriptStop>(&*step)) return MaybeStop(std::move(*stop));
    if (const auto* failed = std::get_if<ScriptBackgroundFailed>(&*step)) {
      return call_error(call, Error(Code::kAborted, failed->message));
    }
    auto* wait = std::get_if<ScriptWait>(&*step);
    if (wait == nullptr) return finish(call, {});
    if (background) {
      state_.add_background({std::move(call), std::move(*wait)});
      state_.set_output({}, {});
      return MaybeStop();
    }
    return wait_here(call, *wait);
  }

  Result<MaybeStop> wait_here(const ScriptCall& call, const ScriptWait& wait) {
    ScriptOutput output = wait(state_);
    state_.log_output(output);
    state_.set_output(std::move(output.out), std::move(output.err));
    COVE_TRY(finish(call, output.status));
    if (!output.status.ok()) state_.log("[" + output.status.error().message() + "]\n");
    return MaybeStop();
  }

  Result<MaybeStop> finish(const ScriptCall& call, const Result<void>& outcome) const {
    if (auto failed = check_outcome(state_, call, outcome)) return std::move(*failed);
    return MaybeStop();
  }

  const ScriptEngine& engine_;
  ScriptEngine::Verbosity verbosity_;
  ScriptState& state_;
  std::string file_;
  const ScriptLogSink& log_;
  std::size_t line_number_ = 0;
  std::optional<std::chrono::steady_clock::time_point> section_;
};

}  // namespace

Result<ScriptEnd> ScriptEngine::run(ScriptState& state, std::string_view file, std::string_view text,
                                    const ScriptLogSink& log) const {
  const ScriptEngine* outer = state.engine();
  state.set_engine(this);
  auto end = ScriptRun(*this, verbosity_, state, file, log).run(text);
  state.set_engine(outer);
  return end;
}

}  // namespace cove
