// CrashRecord: how a VM's machine died under its supervisor, kept in session.json until the next start. A
// value; guest and engine wrote what is in it, so every list and line is limited.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace cove {

struct CrashRecord {
  static constexpr std::size_t kMaxLines = 40;       // of each list: the last ones
  static constexpr std::size_t kMaxLineBytes = 500;  // of each line: the first ones

  std::string at{};                    // RFC 3339 UTC
  std::string reason{};                // one line, for people
  std::vector<std::string> console{};  // the guest's last lines, or those from the kernel's panic on
  enum class ConsoleFrom { kEnd, kPanic } console_from = ConsoleFrom::kEnd;
  std::vector<std::string> engine{};   // what the engine said last on its standard error
  std::vector<std::string> monitor{};  // the last QMP messages, "> " to the engine and "< " from it

  // Within the limits, whatever was put in or read.
  Json to_json() const;
  static CrashRecord from_json(const Json& json);
};

}  // namespace cove
