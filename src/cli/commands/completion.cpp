#include "cli/completion.h"

#include "cli/commands/commands.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

// The shells only ask us: what completes is decided in one place, by the command table.
constexpr std::string_view kBash = R"~(# cove completion for bash: eval "$(cove completion bash)" _cove() {
  local IFS = $ '\n' current = "${COMP_WORDS[COMP_CWORD]}" line = "${COMP_LINE:0:COMP_POINT}" COMPREPLY =
      () local reply while IFS = read - r reply;
  do case $reply in:files) COMPREPLY+=($(compgen -f -- "$current")) ;
  compopt - o filenames 2 > / dev / null;
  ;
      *) COMPREPLY+=("$reply") ;
      ;
      esac done < < (cove __complete-- "${COMP_WORDS[@]:1:COMP_CWORD}" 2 > / dev / null)
}
complete -F _cove cove
)~";
constexpr std::string_view kZsh = R"~(#compdef cove
# cove completion for zsh: source <(cove completion zsh)
_cove() {
  local -a replies candidates
  replies=("${(@f)$(cove __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=("${(@)replies:#:files}")
  (( ${#candidates} )) && [[ -n ${candidates[1]} ]] && compadd -- "${candidates[@]}"
  (( ${replies[(I):files]} )) && _files
}
compdef _cove cove
)~";
constexpr std::string_view kFish = R"~(# cove completion for fish: cove completion fish | source
function __cove_complete
  set -l words (commandline -opc) (commandline -ct)
  for reply in (cove __complete -- $words[2..-1] 2>/dev/null)
    if test "$reply" = ':files'
      __fish_complete_path (commandline -ct)
    else
      echo $reply
    end
  end
end
complete -c cove -f -a '(__cove_complete)'
)~";

Result<int> run_completion(Invocation& inv) {
  const auto& shell = inv.flags.words[0];
  if (shell == "bash") {
    inv.out.print(kBash);
  } else if (shell == "zsh") {
    inv.out.print(kZsh);
  } else if (shell == "fish") {
    inv.out.print(kFish);
  } else {
    return inv.usage(Error(Code::kInvalidArgument, "no completion for the shell '" + shell + "'")
                         .hint("one of: bash, zsh, fish"));
  }
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
                                               .run = run_completion};
constinit const CommandSpec kCompleteCommand{.name = "__complete",
                                             .words = "WORD...",
                                             .summary = "",
                                             .flags = {},
                                             .most_words = kAnyNumber,
                                             .run = run_complete};

}  // namespace cove
