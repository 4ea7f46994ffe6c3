// Text that reaches the CLI from files, command lines and guests: setup scripts, sides of a copy, flags, log
// text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/command_lookup.h"
#include "cli/completion.h"
#include "cli/copy_spec.h"
#include "cli/fetch_lines.h"
#include "cli/output.h"
#include "cli/setup_script.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto lines = cove::parse_setup_script(text); lines.ok()) {
    std::size_t last = 0;
    for (const auto& line : *lines) {
      if (line.number <= last || line.text.empty() || line.text.front() == '#') __builtin_trap();
      if (line.text.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) __builtin_trap();
      last = line.number;
    }
  }
  if (const auto spec = cove::parse_copy_spec(text);
      spec.ok() && spec->vm && text.find(':') == std::string_view::npos) {
    __builtin_trap();
  }
  for (const char c : cove::printable(text)) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) __builtin_trap();
  }
  cove::NoProgress progress;
  static_cast<void>(cove::take_fetch_line(text, progress));
  std::vector<std::string> words;
  for (const auto word : cove::split(text, '\n')) words.emplace_back(word);
  if (const auto line = cove::find_command(words); line.ok() && line->command != nullptr) {
    static_cast<void>(
        cove::parse_flags(line->arguments, cove::flags_of(*line->command), line->command->stop));
  }
  cove::CompletionSources sources;
  sources.vms = [] { return std::vector<std::string>{"web"}; };
  sources.images = sources.vms;
  sources.snapshots = [](const std::string&) { return std::vector<std::string>{"base"}; };
  static_cast<void>(cove::complete(words, sources));
  return 0;
}
