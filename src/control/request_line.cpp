#include "control/request_line.h"

#include <google/protobuf/descriptor.h>

#include <vector>

#include "base/json.h"
#include "base/strings.h"
#include "control/utf8.h"
#include "proto/control_json.h"

namespace cove {
namespace {

namespace pb = google::protobuf;
using vz::control::v1::ControlRequest;
using vz::control::v1::ControlResponse;

constexpr int kFirstOwnField = 100;

bool knows_token(const Json& line, std::string_view token) {
  for (const auto* name : {"auth_token", "authToken", "token"}) {
    const Json* given = line.find(name);
    if (given == nullptr || !given->is_string()) continue;
    return !token.empty() && constant_time_equal(trim(given->as_string()), token);
  }
  return false;
}

bool has_member(const Json& line, const char* snake, const char* camel) {
  return line.find(snake) != nullptr || line.find(camel) != nullptr;
}

// Clients of old put the arguments of exec at the top level.
bool fill_in_flat_members(Json& line) {
  const std::string& type = line.get("type").as_string();
  const bool exec = type == "agent-exec" || type == "agent-exec-stream" || type == "agent-user-exec" ||
                    type == "agent-user-exec-stream";
  if (!exec || has_member(line, "agent_exec", "agentExec")) return false;
  Json command = Json::object();
  for (const auto* name : {"args", "env", "working_dir"}) {
    if (const Json* value = line.find(name)) command.set(name, *value);
  }
  if (command.members().empty()) return false;
  line.set("agent_exec", std::move(command));
  return true;
}

Error invalid_json(std::string_view detail) {
  constexpr std::string_view kPrefix = "invalid JSON";
  if (detail.rfind(kPrefix, 0) == 0)
    return Error(Code::kInvalidArgument, "invalid JSON:" + std::string(detail.substr(kPrefix.size())));
  return Error(Code::kInvalidArgument, "invalid JSON: " + std::string(detail));
}

bool has_payload(const ControlRequest& request, std::string_view name) {
  const auto* field = ControlRequest::descriptor()->FindFieldByName(std::string(name));
  return field != nullptr && request.GetReflection()->HasField(request, field);
}

void mend_strings(pb::Message& message);

void mend_field(pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *message.GetReflection();
  const int count = field.is_repeated() ? reflection.FieldSize(message, &field) : 1;
  for (int i = 0; i < count; ++i) {
    if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      mend_strings(field.is_repeated() ? *reflection.MutableRepeatedMessage(&message, &field, i)
                                       : *reflection.MutableMessage(&message, &field));
    } else if (field.type() == pb::FieldDescriptor::TYPE_STRING && field.is_repeated()) {
      reflection.SetRepeatedString(&message, &field, i,
                                   mend_utf8(reflection.GetRepeatedString(message, &field, i)));
    } else if (field.type() == pb::FieldDescriptor::TYPE_STRING) {
      reflection.SetString(&message, &field, mend_utf8(reflection.GetString(message, &field)));
    }
  }
}

void mend_strings(pb::Message& message) {
  std::vector<const pb::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const auto* field : fields) mend_field(message, *field);
}

void drop_own_members(ControlResponse& response) {
  std::vector<const pb::FieldDescriptor*> fields;
  response.GetReflection()->ListFields(response, &fields);
  for (const auto* field : fields) {
    if (field->number() >= kFirstOwnField) response.GetReflection()->ClearField(&response, field);
  }
}

}  // namespace

Result<ServedRequest> read_request(std::string_view line, std::string_view token) {
  auto json = Json::parse(line);
  if (!json.ok()) return invalid_json(json.error().message());
  if (!json->is_object()) return invalid_json("not an object");
  if (!knows_token(*json, token)) return Error(Code::kUnauthenticated, "unauthorized");

  const bool rewritten = fill_in_flat_members(*json);
  auto request = proto::decode_request(rewritten ? json->dump() : line);
  if (!request.ok()) return invalid_json(request.error().message());
  ServedRequest served{find_verb(request->type()), std::move(request).value()};
  served.request.clear_auth_token();
  if (served.verb == nullptr) return Error(Code::kUnimplemented, unknown_verb_text(served.request.type()));
  if (!served.verb->missing.empty() && !has_payload(served.request, served.verb->payload)) {
    return Error(Code::kInvalidArgument, "missing " + std::string(served.verb->missing) + " command payload");
  }
  return served;
}

Dialect dialect_of(const ControlRequest& request) {
  return request.api_version() > 0 ? Dialect::kCove : Dialect::kOriginal;
}

ControlResponse error_response(const Error& error) {
  ControlResponse response;
  response.set_error(error.message());
  response.set_error_code(std::string(code_name(error.code())));
  response.set_hint(error.hint_text());
  return response;
}

std::string response_line(ControlResponse response, Dialect dialect) {
  if (dialect == Dialect::kOriginal) drop_own_members(response);
  mend_strings(response);
  auto line = proto::encode_response(response);
  if (line.ok()) return std::move(line).value();
  return Json::object({{"error", "response cannot be encoded: " + line.error().message()}}).dump();
}

}  // namespace cove
