#include "proto/control_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <set>

#include "base/json.h"

namespace cove::proto {
namespace {

namespace pb = google::protobuf;

const pb::FieldDescriptor* field_named(const pb::Descriptor& type, const std::string& name) {
  const auto* field = type.FindFieldByName(name);
  return field != nullptr ? field : type.FindFieldByCamelcaseName(name);
}

Result<void> check_once(const Json& json, const pb::Descriptor& type);

Result<void> check_once_within(const Json& value, const pb::FieldDescriptor& field) {
  if (field.is_map()) {
    const auto* of_values = field.message_type()->map_value()->message_type();
    if (of_values == nullptr) return {};
    for (const auto& [name, entry] : value.members()) COVE_TRY(check_once(entry, *of_values));
  } else if (field.is_repeated()) {
    for (const auto& item : value.items()) COVE_TRY(check_once(item, *field.message_type()));
  } else {
    COVE_TRY(check_once(value, *field.message_type()));
  }
  return {};
}

// A field has two names, and the library takes the last of what it finds under either. What is null counts.
// (The same name twice is no JSON of ours to begin with.)
Result<void> check_once(const Json& json, const pb::Descriptor& type) {
  std::set<int> seen;
  for (const auto& [name, value] : json.members()) {
    const auto* field = field_named(type, name);
    if (field == nullptr) continue;
    if (!seen.insert(field->number()).second)
      return Error(Code::kInvalidArgument, "field " + field->name() + " is given twice");
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) COVE_TRY(check_once_within(value, *field));
  }
  return {};
}

template <typename Message>
Result<Message> decode(std::string_view line) {
  COVE_TRY(check_once(COVE_TRY(Json::parse(line)), *Message::descriptor()));
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  Message message;
  const auto status =
      pb::util::JsonStringToMessage(pb::StringPiece(line.data(), line.size()), &message, options);
  if (!status.ok()) return Error(Code::kInvalidArgument, std::string(status.message()));
  return message;
}

}  // namespace

Result<vz::control::v1::ControlRequest> decode_request(std::string_view line) {
  return decode<vz::control::v1::ControlRequest>(line);
}

Result<vz::control::v1::ControlResponse> decode_response(std::string_view line) {
  return decode<vz::control::v1::ControlResponse>(line);
}

Result<std::string> encode_message(const pb::Message& message) {
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  const auto status = pb::util::MessageToJsonString(message, &line, options);
  if (!status.ok()) return Error(Code::kInternal, std::string(status.message()));
  return line;
}

Result<std::string> encode_request(const vz::control::v1::ControlRequest& request) {
  return encode_message(request);
}

Result<std::string> encode_response(const vz::control::v1::ControlResponse& response) {
  return encode_message(response);
}

}  // namespace cove::proto
