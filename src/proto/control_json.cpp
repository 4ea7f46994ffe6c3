#include "proto/control_json.h"

#include <google/protobuf/util/json_util.h>

namespace cove::proto {
namespace {

namespace pb = google::protobuf;

template <typename Message>
Result<Message> decode(std::string_view line) {
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
