#include "wire/qmp_message.h"

#include "base/strings.h"

namespace cove {
namespace {

Error not_qmp(std::string_view why) { return Error(Code::kInternal, "QMP: QEMU sent " + std::string(why)); }

Code code_of(std::string_view error_class) {
  if (error_class == "CommandNotFound" || error_class == "DeviceNotFound") return Code::kNotFound;
  if (error_class == "DeviceNotActive") return Code::kFailedPrecondition;
  return Code::kInternal;
}

Result<QmpMessage> greeting_from(const Json& json) {
  const Json& qemu = json.get("version").get("qemu");
  if (!qemu.is_object()) return not_qmp("a greeting without a version");
  const auto part = [&](std::string_view name) { return std::to_string(qemu.get(name).as_uint()); };
  return QmpMessage(QmpGreeting{part("major") + "." + part("minor") + "." + part("micro")});
}

Result<QmpMessage> message_from(std::string_view line) {
  auto parsed = Json::parse(line);
  if (!parsed.ok()) return not_qmp("a line that is not JSON");
  const Json& json = *parsed;
  if (const Json* greeting = json.find("QMP")) return greeting_from(*greeting);
  if (const Json* event = json.find("event")) {
    if (!event->is_string()) return not_qmp("an event without a name");
    return QmpMessage(QmpEvent{event->as_string(), json.get("data")});
  }
  QmpReply reply;
  const Json& id = json.get("id");
  if (id.is_number() && id.as_int(-1) >= 0) reply.id = id.as_uint();
  if (const Json* value = json.find("return")) {
    reply.value = *value;
    return QmpMessage(std::move(reply));
  }
  if (const Json* error = json.find("error")) {
    reply.error = Error(code_of(error->get("class").as_string()),
                        error->get("desc").as_string_or("error without words"));
    return QmpMessage(std::move(reply));
  }
  return not_qmp("a message of no known kind");
}

}  // namespace

Result<void> QmpParser::push(std::string_view bytes, std::vector<QmpMessage>& messages) {
  if (failed_) return not_qmp("something unreadable before");
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > kMaxLine) {
      failed_ = true;
      return not_qmp("a line of more than " + format_bytes(kMaxLine));
    }
    line_.append(part);
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(line_, {});
    const std::string_view text = trim(line);
    if (text.empty()) continue;
    auto message = message_from(text);
    if (!message.ok()) {
      failed_ = true;
      return std::move(message).error();
    }
    messages.push_back(std::move(message).value());
  }
  return {};
}

std::string qmp_command(std::string_view name, const Json& arguments, std::uint64_t id) {
  Json json = Json::object({{"execute", name}});
  if (!arguments.is_null()) json.set("arguments", arguments);
  json.set("id", id);
  return json.dump() + "\r\n";
}

}  // namespace cove
