#include "rpc/message_log.h"

#include <google/protobuf/stubs/logging.h>

#include "base/log.h"

namespace cove::rpc {

// Whoever decodes or encodes hears of the failure and reports it: this is for whoever looks into it.
void route_message_log() {
  google::protobuf::SetLogHandler(
      [](google::protobuf::LogLevel, const char* file, int, const std::string& text) {
        log_debug("protobuf", {{"file", file}, {"text", text}});
      });
}

}  // namespace cove::rpc
