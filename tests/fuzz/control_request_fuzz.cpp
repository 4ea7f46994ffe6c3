// The control socket's request lines, with and without the right token, and the answers to them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "control/request_line.h"
#include "control/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto served = cove::read_request(line, "T");
  if (!served.ok()) {
    static_cast<void>(cove::response_line(cove::error_response(served.error()), cove::Dialect::kCove));
  }
  vz::control::v1::ControlResponse response;
  response.set_data(std::string(line));
  response.mutable_agent_exec_result()->set_stdout(std::string(line));
  if (cove::response_line(response, cove::Dialect::kOriginal).empty()) __builtin_trap();
  if (cove::mend_utf8(cove::mend_utf8(line)) != cove::mend_utf8(line)) __builtin_trap();
  if (cove::is_utf8(line) != (cove::mend_utf8(line) == line)) __builtin_trap();
  return 0;
}
