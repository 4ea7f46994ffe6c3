#include "cli/setup_script.h"

#include "base/io.h"
#include "base/strings.h"
#include "cli/exec_runner.h"
#include "cli/output.h"

namespace cove {
namespace {

constexpr std::size_t kMaxScriptLine = std::size_t{1} << 20U;
constexpr std::size_t kShownOfLine = 200;

}  // namespace

Result<std::vector<SetupLine>> parse_setup_script(std::string_view text) {
  std::vector<SetupLine> lines;
  std::size_t number = 0;
  for (const auto raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const auto where = "line " + std::to_string(number);
    if (line.size() > kMaxScriptLine) return Error(Code::kInvalidArgument, where + " is longer than 1 MiB");
    if (line.find('\0') != std::string_view::npos)
      return Error(Code::kInvalidArgument, where + " has a NUL inside");
    lines.push_back({number, std::string(line)});
  }
  return lines;
}

Result<void> run_setup_script(const OpContext& ctx, const Environment& env, GuestAgentClient& agent,
                              GuestAgentClient::Realm realm, const std::vector<SetupLine>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto banner = "[setup-script " + std::to_string(i + 1) + "/" + std::to_string(lines.size()) + "] " +
                        printable(lines[i].text);
    COVE_TRY(write_all(ctx, env.err, banner + "\n"));
    ExecRequest request;
    request.args = {"/bin/bash", "-c", lines[i].text};
    const CancelSource kill;
    const auto session = COVE_TRY(agent.attach({kill.token(), ctx.deadline}, realm, request));
    const auto end = COVE_TRY(run_exec_session(
        ctx.deadline, kill, *session, {.in = -1, .out = env.out, .err = env.err, .interrupted = ctx.cancel}));
    COVE_TRY(ctx.check());
    if (end.status.success()) continue;
    return Error(Code::kAborted, "setup script, line " + std::to_string(lines[i].number) + ": " +
                                     end.status.describe() + ": " + lines[i].text.substr(0, kShownOfLine))
        .hint(
            "mend the script and say 'cove up' again: it runs from its first line\n"
            "each line is a shell of its own: 'cd' and variables end with it; join with &&");
  }
  return {};
}

}  // namespace cove
