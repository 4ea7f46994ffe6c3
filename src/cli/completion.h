// What may come next on a command line, for the shells' completion. Pure but for the sources.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cove {

struct CompletionSources {
  std::function<std::vector<std::string>()> vms;
  std::function<std::vector<std::string>()> images;  // those in the cache
  // Of the VM that -vm names, or of the one that is worked on without it (empty).
  std::function<std::vector<std::string>(const std::string& vm)> snapshots;
};

// `words` are those after "cove" up to the cursor, the last one being completed (perhaps empty). Candidates
// begin with it; ":files" stands for the shell's own file names.
std::vector<std::string> complete(const std::vector<std::string>& words, const CompletionSources& sources);

// shells/completion.SHELL; empty if there is none. Generated.
std::string_view completion_script(std::string_view shell);

}  // namespace cove
