#include "control/control_client.h"
#include "proto/control.pb.h"

namespace cove {

Error error_of(const ControlResponse& response) {
  if (response.error() == "unauthorized") {
    return Error(Code::kUnauthenticated, "unauthorized")
        .hint("the token does not fit: see control.token in the VM's folder");
  }
  const Code code = response.error_code().empty() ? Code::kUnknown : code_from_name(response.error_code());
  return Error(code, response.error().empty() ? "the supervisor gave no reason" : response.error())
      .hint(response.hint());
}

}  // namespace cove
