#include "cli/completion.h"

#include <algorithm>

#include "cli/command_lookup.h"
#include "cli/supervisor_calls.h"

namespace cove {
namespace {

constexpr std::string_view kFiles = ":files";
using Words = std::vector<std::string>;

const FlagSpec* flag_named(const std::vector<const FlagSpec*>& flags, std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return nullptr;
  const auto name = word.substr(word[1] == '-' ? 2 : 1);
  const auto found = std::find_if(flags.begin(), flags.end(), [&](auto* flag) { return flag->name == name; });
  return found == flags.end() ? nullptr : *found;
}

Words command_words() {
  Words names;
  for (const auto* command : command_table()) {
    if (command->summary.empty()) continue;
    const auto group = group_of(*command);
    const std::string name(group.empty() ? command->name : group);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

Words values_of(const FlagSpec& flag, const CompletionSources& sources) {
  if (flag.name == "vm") return sources.vms();
  if (flag.name == "for") {
    auto facts = fact_names();
    facts.emplace_back("stopped");
    return facts;
  }
  if (flag.name == "on-exit") return {"suspend", "stop"};
  if (flag.name == "boot") return {"kernel", "uefi"};
  if (flag.name == "network") return {"nat", "none"};
  if (flag.name == "image") return {"debian:12", "debian:12-full"};
  if (flag.value == "FILE") return {std::string(kFiles)};
  return {};
}

// "web:/etc": files of a guest, which are not looked at; those of this host would be wrong.
bool names_guest(std::string_view word) {
  const auto colon = word.find(':');
  return colon != std::string_view::npos && word.find('/') > colon;
}

// The words of a command line that were typed before the one being completed, read as far as they go.
struct Typed {
  const CommandSpec* command = nullptr;
  std::string_view group;
  const FlagSpec* open_flag = nullptr;  // the last word is a flag that wants its value
  bool behind_dashes = false;
  std::string vm{};  // the value of -vm
};

Words plain_words(const Typed& typed, std::string_view last, const CompletionSources& sources) {
  switch (typed.command->word_kind) {
    case WordKind::kVm:
      return sources.vms();
    case WordKind::kFile:
      return {std::string(kFiles)};
    case WordKind::kGuestPath: {
      Words words;
      for (const auto& vm : sources.vms()) words.push_back(vm + ":/");
      if (!names_guest(last)) words.emplace_back(kFiles);
      return words;
    }
    case WordKind::kTopic: {
      auto words = command_words();
      words.insert(words.end(), {"exit-status", "flags", "names", "states"});
      return words;
    }
    case WordKind::kShell:
      return {"bash", "zsh", "fish"};
    case WordKind::kSnapshot:
      return sources.snapshots(typed.vm);
    case WordKind::kCachedImage:
      return sources.images();
    case WordKind::kImage:
      return {"debian:12", "debian:12-full"};
    case WordKind::kFact:
    case WordKind::kText:
    case WordKind::kNone:
      return {};
  }
  return {};
}

Words flag_words(const CommandSpec& command) {
  const std::string_view left_out = command.vm_flag == VmFlag::kRefused ? "vm" : "";
  Words words;
  for (const auto* flag : flags_of(command)) {
    if (!flag->summary.empty() && flag->name != left_out) words.push_back("-" + std::string(flag->name));
  }
  return words;
}

Words beginning_with(std::string_view start, Words words) {
  std::erase_if(words,
                [&](auto& word) { return word != kFiles && !std::string_view(word).starts_with(start); });
  return words;
}

Typed read_typed(const Words& before) {
  Typed typed;
  std::vector<const FlagSpec*> flags;
  for (const auto& flag : common_flags()) flags.push_back(&flag);
  for (const auto& word : before) {
    if (typed.open_flag != nullptr) {
      if (typed.open_flag->name == "vm") typed.vm = word;
      typed.open_flag = nullptr;
    } else if (word == "--") {
      typed.behind_dashes = true;
    } else if (word.starts_with("-vm=") || word.starts_with("--vm=")) {
      typed.vm = word.substr(word.find('=') + 1);
    } else if (const auto* flag = flag_named(flags, word)) {
      if (flag->kind != FlagKind::kSwitch) typed.open_flag = flag;
    } else if (typed.command == nullptr && !word.starts_with('-')) {
      const auto name = typed.group.empty() ? word : std::string(typed.group) + " " + word;
      typed.command = command_named(name);
      if (typed.command != nullptr) {
        flags = flags_of(*typed.command);
      } else if (typed.group.empty()) {
        typed.group = word;
      }
    }
  }
  return typed;
}

// For "-for=cl": the whole words, as the shells want them.
Words words_with_value(const Typed& typed, std::string_view last, const CompletionSources& sources) {
  std::vector<const FlagSpec*> flags;
  if (typed.command != nullptr) flags = flags_of(*typed.command);
  for (const auto& flag : common_flags()) flags.push_back(&flag);
  const auto value = last.find('=') + 1;
  const auto* flag = flag_named(flags, last.substr(0, value - 1));
  if (flag == nullptr) return {};
  auto words = beginning_with(last.substr(value), values_of(*flag, sources));
  for (auto& word : words) {
    if (word != kFiles) word.insert(0, last.substr(0, value));
  }
  return words;
}

}  // namespace

std::vector<std::string> complete(const Words& words, const CompletionSources& sources) {
  if (words.empty()) return command_words();
  const auto& last = words.back();
  const Words before(words.begin(), words.end() - 1);  // `typed` looks into it
  const auto typed = read_typed(before);
  if (typed.open_flag != nullptr) return beginning_with(last, values_of(*typed.open_flag, sources));
  if (last.starts_with('-') && last.find('=') != std::string::npos && !typed.behind_dashes)
    return words_with_value(typed, last, sources);
  if (typed.command == nullptr) {
    if (typed.group.empty()) return beginning_with(last, command_words());
    Words members;
    for (const auto* member : group_members(typed.group))
      members.emplace_back(member->name.substr(typed.group.size() + 1));
    return beginning_with(last, members);
  }
  if (last.starts_with('-') && !typed.behind_dashes) {
    return beginning_with(last.starts_with("--") ? last.substr(1) : last, flag_words(*typed.command));
  }
  return beginning_with(last, plain_words(typed, last, sources));
}

}  // namespace cove
