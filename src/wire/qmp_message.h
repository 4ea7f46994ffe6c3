// QMP messages: what QEMU's monitor says, as a push parser over the bytes of its socket. Bytes come from a
// process that a guest may have taken over: lengths are limited before anything is kept. One owner, no thread
// rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cove {

struct QmpGreeting {
  std::string version;  // "7.2.22"
};
struct QmpReply {
  std::optional<std::uint64_t> id;  // nullopt: an error about something that was no command
  Json value;                       // of a success
  std::optional<Error> error;       // kInternal with QEMU's words; kNotFound for an unknown command or device
};
struct QmpEvent {
  std::string name;  // "SHUTDOWN"
  Json data;
};
using QmpMessage = std::variant<QmpGreeting, QmpReply, QmpEvent>;

class QmpParser {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{8} << 20U;

  // Appends to `messages` every message that `bytes` completes. After an error (a line beyond kMaxLine, not
  // JSON, not a QMP message) the stream is out of step: every further call fails alike.
  Result<void> push(std::string_view bytes, std::vector<QmpMessage>& messages);

 private:
  std::string line_;
  bool failed_ = false;
};

// One line with "\r\n": {"execute":NAME,"arguments":ARGUMENTS,"id":ID}. Null arguments are left out.
std::string qmp_command(std::string_view name, const Json& arguments, std::uint64_t id);

}  // namespace cove
