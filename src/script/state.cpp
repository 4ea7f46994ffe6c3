#include "script/state.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "script/os.h"
#include "script/quote.h"

namespace cove {

ScriptState::ScriptState(const ScriptStateOptions& options)
    : closing_(CancelSource::child_of(options.context.cancel)),
      context_{closing_.token(), options.context.deadline},
      clock_(options.clock),
      grace_(options.grace),
      work_directory_(clean_path(options.work_directory.string())),
      directory_(work_directory_),
      environment_(options.environment) {
  COVE_CHECK(options.work_directory.is_absolute());
  for (const auto& entry : options.environment) {
    const auto equals = std::min(entry.find('='), entry.size());
    secrets_.add_variable(entry.substr(0, equals),
                          std::string_view(entry).substr(std::min(equals + 1, entry.size())));
  }
  set_variable("PWD", directory_);
}

ScriptState::~ScriptState() { closing_.cancel(); }

Result<void> ScriptState::check_context() const { return check_script_context(context_); }

std::string ScriptState::path(std::string_view name) const {
  if (name.starts_with('/')) return clean_path(name);
  return clean_path(directory_ + "/" + std::string(name));
}

Result<void> ScriptState::change_directory(std::string_view name) {
  const std::string target = path(name);
  struct stat status {};
  if (::stat(target.c_str(), &status) < 0) {
    return system_error(errno, "stat", target).context("Chdir " + target);
  }
  if (!S_ISDIR(status.st_mode)) return system_error(ENOTDIR, "Chdir", target);
  directory_ = target;
  set_variable("PWD", directory_);
  return {};
}

void ScriptState::set_variable(std::string_view name, std::string_view value) {
  environment_.set(name, value);
  secrets_.add_variable(name, value);
}

std::string ScriptState::expand(std::string_view text, ScriptExpansion expansion) const {
  std::string result;
  append_expanded(result, text, environment_, expansion);
  return result;
}

void ScriptState::set_output(std::string out, std::string err) {
  out_ = std::move(out);
  err_ = std::move(err);
}

std::string ScriptState::take_log() { return secrets_.mask(std::exchange(log_, {})); }

Result<void> ScriptState::extract(const std::vector<TxtarFile>& files) {
  const std::string inside = work_directory_ == "/" ? "/" : work_directory_ + "/";
  for (const auto& file : files) {
    const std::string name = path(expand(file.name, ScriptExpansion::kPlain));
    if (!name.starts_with(inside)) {
      return Error(Code::kInvalidArgument, "file " + quote_back(file.name) + " is outside working directory");
    }
    COVE_TRY(make_script_directories(name.substr(0, name.rfind('/'))));
    COVE_TRY(write_script_file(name, file.data, 0666));
  }
  return {};
}

void ScriptState::log_output(const ScriptOutput& output) {
  if (!output.out.empty()) log_ += "[stdout]\n" + output.out;
  if (!output.err.empty()) log_ += "[stderr]\n" + output.err;
}

std::string ScriptState::wait_for_background() {
  std::string all_out;
  std::string all_err;
  std::string failures;
  for (auto& command : std::exchange(background_, {})) {
    const ScriptOutput output = command.wait(*this);
    log("[background] " + describe_call(command.call) + "\n");
    log_output(output);
    if (!output.status.ok()) log("[" + output.status.error().message() + "]\n");
    all_out += output.out;
    all_err += output.err;
    if (const auto failed = check_outcome(*this, command.call, output.status)) {
      if (!failures.empty()) failures += '\n';
      failures += failed->message();
    }
  }
  set_output(std::move(all_out), std::move(all_err));
  return failures;
}

Result<void> ScriptState::close(const ScriptLogSink& log_sink) {
  closing_.cancel();
  const std::string failures = wait_for_background();
  auto written = log_.empty() ? Result<void>() : log_sink(take_log());
  if (!failures.empty()) return Error(Code::kAborted, mask(failures));
  return written;
}

}  // namespace cove
