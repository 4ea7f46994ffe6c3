#include "cli/completion.h"

#include "catalog/image_cache.h"
#include "cli/commands/commands.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

constexpr std::size_t kShownDigest = 19;  // as `image list` shows it

// The shells only ask us: what completes is decided in one place, by the command table.
Result<int> run_completion(Invocation& inv) {
  const auto& shell = inv.flags.words[0];
  const auto script = completion_script(shell);
  if (script.empty()) {
    return inv.usage(Error(Code::kInvalidArgument, "no completion for the shell '" + shell + "'")
                         .hint("one of: bash, zsh, fish"));
  }
  inv.out.print(script);
  return 0;
}

Result<int> run_complete(Invocation& inv) {
  CompletionSources sources;
  const auto registry = registry_of(inv.env);
  sources.vms = [&] {
    std::vector<std::string> names;
    if (const auto all = registry.list(); all.ok()) {
      for (const auto& name : *all) names.push_back(name.str());
    }
    return names;
  };
  sources.images = [&inv] {
    std::vector<std::string> names;
    if (const auto all = ImageCache(inv.env.home).list(); all.ok()) {
      for (const auto& entry : *all) {
        for (const auto& ref : entry.refs) names.push_back(ref.str());
        if (entry.refs.empty()) names.push_back(entry.image.manifest.digest.substr(0, kShownDigest));
      }
    }
    return names;
  };
  sources.snapshots = [&inv](const std::string& vm) {
    std::vector<std::string> names;
    const auto chosen = vm.empty() ? choose_name(inv, nullptr) : VmName::parse(vm);
    if (!chosen.ok()) return names;
    if (const auto tree = VmDirectory(Home(inv.env.home), *chosen).load_snapshots(); tree.ok()) {
      for (const auto& snapshot : tree->all()) names.push_back(snapshot.name);
    }
    return names;
  };
  for (const auto& candidate : complete(inv.flags.words, sources)) inv.out.print_line(candidate);
  return 0;
}

}  // namespace

constinit const CommandSpec kCompletionCommand{.name = "completion",
                                               .words = "bash|zsh|fish",
                                               .summary = "print the completion script of a shell",
                                               .flags = {},
                                               .word_kind = WordKind::kShell,
                                               .least_words = 1,
                                               .most_words = 1,
                                               .vm_flag = VmFlag::kRefused,
                                               .run = run_completion};
constinit const CommandSpec kCompleteCommand{.name = "__complete",
                                             .words = "WORD...",
                                             .summary = "",
                                             .flags = {},
                                             .most_words = kAnyNumber,
                                             .run = run_complete};

}  // namespace cove
