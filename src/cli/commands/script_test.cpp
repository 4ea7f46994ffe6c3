#include <unistd.h>

#include <array>
#include <utility>

#include "cli/commands/commands.h"
#include "script/builtins.h"
#include "script/test_runner.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 2> kScriptTestFlags{{
    {"timeout", FlagKind::kDuration, "TIME", "for each file; 0: none", "10m"},
    {"work", FlagKind::kSwitch, "", "keep the work directories and print their names", ""},
}};

bool is_verbose(const Invocation& inv) { return inv.flags.is_set("v") || inv.flags.is_set("verbose"); }

// Fake machines that a test leaves running end with this process.
std::vector<std::string> test_environment(const Environment& env) {
  std::vector<std::string> variables = env.variables;
  constexpr std::string_view kOwner = "COVE_TEST_OWNER=";
  std::erase_if(variables, [&](const std::string& entry) { return entry.starts_with(kOwner); });
  variables.push_back(std::string(kOwner) + std::to_string(::getpid()));
  return variables;
}

Json to_json(const ScriptTestOutcome& outcome, const std::string& file) {
  const std::chrono::duration<double> seconds = outcome.took;
  Json json = Json::object({{"file", file}, {"passed", outcome.passed()}, {"seconds", seconds.count()}});
  if (outcome.end == ScriptTestOutcome::End::kStopped) json.set("stopped", true);
  if (!outcome.passed()) {
    json.set("error", outcome.error);
    json.set("log", outcome.log);
  }
  if (!outcome.work.empty()) json.set("work", outcome.work.string());
  return json;
}

void show(Invocation& inv, const ScriptTestOutcome& outcome) {
  inv.out.print(format_script_test_line(outcome));
  if (!outcome.work.empty()) inv.out.print_line("work: " + outcome.work.string());
  if (!outcome.passed()) {
    auto text =
        format_script_test_failure(outcome, is_verbose(inv) ? ScriptLogShown::kYes : ScriptLogShown::kNo);
    if (text.ends_with('\n')) text.pop_back();
    inv.out.note(text);
  }
  inv.out.flush();
}

// A file that cannot even be begun is a failure among others: it hides nobody else's.
Result<ScriptTestOutcome> run_file(Invocation& inv, const ScriptTestOptions& options,
                                   const std::string& file) {
  const auto timeout = *inv.flags.duration("timeout");
  const auto ctx = timeout.count() > 0 ? inv.context().with_timeout(timeout) : inv.context();
  auto outcome = run_script_test(ctx, options, inv.env.working_directory / file);
  COVE_TRY(inv.context().check());
  if (outcome.ok()) return outcome;
  ScriptTestOutcome unbegun;
  unbegun.end = ScriptTestOutcome::End::kFailed;
  unbegun.name = std::filesystem::path(file).filename().string();
  const auto& why = outcome.error().message();
  unbegun.error = why.starts_with(unbegun.name + ":") ? why : unbegun.name + ": " + why;
  return unbegun;
}

Result<int> run_script_test_command(Invocation& inv) {
  const auto engine = make_base_engine();
  SystemClock clock;
  ScriptTestOptions options{.engine = engine,
                            .clock = clock,
                            .work_parent = inv.env.temporary,
                            .environment = test_environment(inv.env),
                            .work_directory = inv.flags.is_set("work")
                                                  ? ScriptTestOptions::WorkDirectory::kKeep
                                                  : ScriptTestOptions::WorkDirectory::kRemove};
  bool line_open = false;  // the log of the last file ended without a line feed
  if (is_verbose(inv) && !inv.json()) {
    options.on_log = [&](std::string_view text) -> Result<void> {
      inv.out.print(text);
      if (!text.empty()) line_open = !text.ends_with('\n');
      return {};
    };
  }
  bool passed = true;
  Json files = Json::array();
  for (const auto& file : inv.flags.words) {
    const auto outcome = COVE_TRY(run_file(inv, options, file));
    passed = passed && outcome.passed();
    if (inv.json()) {
      files.push_back(to_json(outcome, file));
    } else {
      if (std::exchange(line_open, false)) inv.out.print("\n");
      show(inv, outcome);
    }
  }
  if (inv.json())
    inv.out.print_json(Json::object({{"version", 1}, {"passed", passed}, {"files", std::move(files)}}));
  return passed ? 0 : 1;
}

}  // namespace

constinit const CommandSpec kScriptTestCommand{.name = "script test",
                                               .words = "FILE...",
                                               .summary = "run script tests (txtar files), without a VM",
                                               .flags = kScriptTestFlags,
                                               .word_kind = WordKind::kFile,
                                               .least_words = 1,
                                               .most_words = kAnyNumber,
                                               .vm_flag = VmFlag::kRefused,
                                               .run = run_script_test_command};

}  // namespace cove
