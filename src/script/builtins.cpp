#include "script/builtins.h"

#include <unistd.h>

#include <string>

#include "script/builtins_internal.h"
#include "script/quote.h"

namespace cove {
namespace {

#if defined(__APPLE__)
constexpr std::string_view kSystem = "darwin";
#elif defined(__linux__)
constexpr std::string_view kSystem = "linux";
#else
#error "name this system as GOOS does"
#endif

#if defined(__x86_64__)
constexpr std::string_view kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
#error "name this architecture as GOARCH does"
#endif

#if defined(__clang__)
constexpr std::string_view kCompiler = "clang";
#else
constexpr std::string_view kCompiler = "gcc";
#endif

Result<bool> is_compiler(std::string_view name) {
  if (name == kCompiler) return true;
  for (const std::string_view other : {"gc", "gccgo", "gcc", "clang"}) {
    if (name == other) return false;
  }
  return Error(Code::kInvalidArgument, "unrecognized compiler " + quote_double(name));
}

using Form = ScriptCondition::Form;

}  // namespace

void add_base_commands(ScriptEngine& engine) {
  internal::add_file_commands(engine);
  internal::add_text_commands(engine);
  internal::add_match_commands(engine);
  internal::add_process_commands(engine);
  internal::add_help_command(engine);
}

void add_base_conditions(ScriptEngine& engine) {
  engine.add(ScriptCondition{
      .name = "GOOS",
      .summary = "the host's system is <suffix>: linux, darwin",
      .form = Form::kPrefix,
      .eval = [](ScriptState&, std::string_view suffix) -> Result<bool> { return suffix == kSystem; }});
  engine.add(ScriptCondition{
      .name = "GOARCH",
      .summary = "the host's architecture is <suffix>: amd64, arm64",
      .form = Form::kPrefix,
      .eval = [](ScriptState&, std::string_view suffix) -> Result<bool> { return suffix == kArchitecture; }});
  engine.add(
      ScriptCondition{.name = "compiler",
                      .summary = "the toolchain that built this program is <suffix>",
                      .form = Form::kPrefix,
                      .eval = [](ScriptState&, std::string_view suffix) { return is_compiler(suffix); }});
  engine.add(ScriptCondition{
      .name = "root",
      .summary = "the effective user id is 0",
      .eval = [](ScriptState&, std::string_view) -> Result<bool> { return ::geteuid() == 0; }});
}

ScriptEngine make_base_engine(ScriptEngine::Verbosity verbosity) {
  ScriptEngine engine(verbosity);
  add_base_commands(engine);
  add_base_conditions(engine);
  return engine;
}

}  // namespace cove
