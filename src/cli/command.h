// Command: one line of the command table. Help, usage errors and completion are made from these tables; a
// command's own file (commands/NAME.cpp) defines its table entry and what it does, commands/NAME.md its help
// text. Invocation: one run of one command, owned by the dispatcher, used by one thread.
#pragma once

#include <span>
#include <string_view>

#include "cli/environment.h"
#include "cli/flags.h"
#include "cli/output.h"

namespace cove {

struct CommandSpec;

struct Invocation {
  const Environment& env;
  const CommandSpec& command;
  ParsedFlags flags;
  Output& out;
  bool was_usage_error = false;
  int failure_status = 1;  // exec and shell have their own

  OpContext context() const { return {env.cancel, {}}; }
  bool json() const { return flags.is_set("json"); }
  void tell(const Deed& deed) { out.tell(deed, json() ? Form::kJson : Form::kText); }
  // Marks an error as the caller's mistake: exit status 2 instead of 1.
  Error usage(Error error) {
    was_usage_error = true;
    return error;
  }
  Error usage(std::string message) { return usage(Error(Code::kInvalidArgument, std::move(message))); }
};

// What the plain words of a command are, for completion.
enum class WordKind : std::uint8_t {
  kNone,
  kVm,
  kFile,
  kFact,
  kTopic,
  kShell,
  kImage,
  kCachedImage,
  kGuestPath,
  kSnapshot,
  kText
};

// Whether -vm means anything to a command; where it does not, it is refused rather than ignored.
enum class VmFlag : std::uint8_t { kTaken, kRefused };

inline constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

struct CommandSpec {
  std::string_view name;     // "up", "vm rename"
  std::string_view words;    // "[NAME]", as usage shows it
  std::string_view summary;  // one line of `cove help`; empty: a command for machines, not listed
  std::span<const FlagSpec> flags;
  WordKind word_kind = WordKind::kNone;
  std::size_t least_words = 0;
  std::size_t most_words = 0;
  FlagStop stop = FlagStop::kDashes;
  VmFlag vm_flag = VmFlag::kTaken;
  // The exit status, or why it failed.
  Result<int> (*run)(Invocation&);
};

// Every command in the order of `cove help`.
std::span<const CommandSpec* const> command_table();
// The flags every command takes: -vm, -json, -v, -help.
std::span<const FlagSpec> common_flags();
// A command's own flags and the common ones.
std::vector<const FlagSpec*> flags_of(const CommandSpec& command);

}  // namespace cove
