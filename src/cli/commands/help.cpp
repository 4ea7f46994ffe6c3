#include "cli/help.h"

#include "base/strings.h"
#include "cli/command_lookup.h"
#include "cli/commands/commands.h"

namespace cove {
namespace {

Error unknown_topic(const std::string& topic) {
  std::vector<std::string> names;
  for (const auto* command : command_table()) names.emplace_back(command->name);
  Error error(Code::kInvalidArgument, "no help about '" + topic + "'");
  if (const auto near = nearest(topic, names))
    return std::move(error).hint("did you mean 'cove help " + *near + "'?");
  return std::move(error).hint("'cove help' lists the commands and topics");
}

Result<int> run_help(Invocation& inv) {
  const auto topic = join(inv.flags.words, " ");
  if (topic.empty()) {
    inv.out.print(help_overview());
  } else if (const auto* command = command_named(topic)) {
    inv.out.print(help_for(*command));
  } else if (!group_members(topic).empty()) {
    inv.out.print(help_for_group(topic));
  } else if (const auto text = help_text("topic_" + topic); !text.empty()) {
    inv.out.print(text);
  } else {
    return inv.usage(unknown_topic(topic));
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kHelpCommand{.name = "help",
                                         .words = "[COMMAND|TOPIC]",
                                         .summary = "what a command does, with examples",
                                         .flags = {},
                                         .word_kind = WordKind::kTopic,
                                         .most_words = 2,
                                         .run = run_help};

}  // namespace cove
