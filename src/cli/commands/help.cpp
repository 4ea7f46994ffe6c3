#include "cli/help.h"

#include <optional>

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

// What there is to say about a topic, for people and for programs.
struct Page {
  std::string text;
  Json json;
};

std::optional<Page> find_page(const std::string& topic) {
  if (topic.empty()) {
    const auto table = command_table();
    return Page{help_overview(),
                Json::object({{"version", 1}, {"commands", help_json({table.begin(), table.end()})}})};
  }
  if (const auto* command = command_named(topic)) {
    return Page{help_for(*command), Json::object({{"version", 1}, {"command", help_json(*command)}})};
  }
  if (const auto members = group_members(topic); !members.empty()) {
    return Page{help_for_group(topic), Json::object({{"version", 1}, {"commands", help_json(members)}})};
  }
  const auto text = help_text("topic_" + topic);
  if (text.empty()) return std::nullopt;
  return Page{std::string(text), Json::object({{"version", 1}, {"topic", topic}, {"text", text}})};
}

Result<int> run_help(Invocation& inv) {
  const auto topic = join(inv.flags.words, " ");
  const auto page = find_page(topic);
  if (!page) return inv.usage(unknown_topic(topic));
  if (inv.json()) {
    inv.out.print_json(page->json);
  } else {
    inv.out.print(page->text);
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
                                         .vm_flag = VmFlag::kRefused,
                                         .run = run_help};

}  // namespace cove
