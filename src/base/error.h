// Error: why something did not happen. A canonical code, a message, the chain of what was being done, and a
// hint. A value; built cheaply where the failure is seen, given context once per layer, printed once by the
// CLI. Messages are lower-case without a full stop and say which thing. Callers branch on code(), never on
// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cove {

// The canonical codes of gRPC, with the same numbers: one table maps them to wire, HTTP and exit statuses.
enum class Code : std::uint8_t {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "invalid_argument", "not_found", ...: the spelling used in JSON and in logs.
std::string_view code_name(Code code);
// kUnknown for any other text.
Code code_from_name(std::string_view name);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message);
  // "what: No such file or directory", with the code that fits the errno value.
  static Error from_errno(int error_number, std::string_view what);

  // Says what was being done when this happened: "starting vm x: connecting qmp: connection refused".
  Error&& context(std::string_view doing) &&;
  // Says what the user can do about it; printed on a line of its own. The innermost hint wins.
  Error&& hint(std::string_view what_to_do) &&;

  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint_text() const { return hint_; }
  // The errno value this error was made from, 0 if none.
  int error_number() const { return error_number_; }

 private:
  Code code_;
  int error_number_ = 0;
  std::string message_;
  std::string hint_;
};

}  // namespace cove
