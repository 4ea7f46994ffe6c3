#include "cli/machine_types.h"

#include <algorithm>

#include "base/process.h"
#include "base/strings.h"
#include "store/similar_names.h"

namespace cove {
namespace {

// The engine may be asked for the first time, which tries a guest under KVM.
constexpr auto kEngineAnswers = std::chrono::seconds(90);
constexpr std::size_t kMaxAnswer = std::size_t{64} << 10U;

}  // namespace

Result<std::vector<std::string>> machine_types_of_engine(const OpContext& ctx, const Environment& env,
                                                         Arch arch) {
  SpawnOptions options;
  options.argv = {(env.libexec / "cove-vm").string(), "machine-types", "-home", env.home.string(), "-arch",
                  std::string(to_string(arch))};
  const auto output = COVE_TRY(
      run_command(ctx.with_timeout(kEngineAnswers), options, {}, kMaxAnswer).context("asking the engine"));
  if (!output.status.success()) {
    return Error(Code::kFailedPrecondition,
                 "asking the engine for its machine types: " +
                     (output.err.empty() ? output.status.describe() : std::string(trim(output.err))))
        .hint("what is in the way on this host: cove doctor host");
  }
  std::vector<std::string> types;
  for (const auto line : split(trim(output.out), '\n')) types.emplace_back(trim(line));
  return types;
}

Result<void> check_machine_type(const std::string& wanted, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), wanted) != known.end()) return {};
  const auto near = similar_names(wanted, known);
  return Error(Code::kNotFound, "the engine has no machine type \"" + wanted + "\"")
      .hint((near.empty() ? "it has: " + join(known, ", ") : "did you mean " + join(near, ", ") + "?") +
            "\nthe newest one: -machine newest");
}

}  // namespace cove
