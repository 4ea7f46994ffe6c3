// What a supervisor says to those who started it and who ask it: the start report and the control socket's
// answers.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/io.h"
#include "control/ready_pipe.h"
#include "proto/control_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto response = cove::proto::decode_response(text); response.ok()) {
    if (const auto line = cove::proto::encode_response(*response); line.ok()) {
      if (!cove::proto::decode_response(*line).ok()) __builtin_trap();
    }
  }
  // What fits a pipe's buffer, so that the one thread here can write it before it reads.
  auto ends = cove::make_pipe();
  if (!ends.ok() || size > 60000) return 0;
  auto& [ours, theirs] = *ends;
  if (::write(theirs.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  theirs.reset();
  cove::NoProgress progress;
  static_cast<void>(cove::read_ready({}, ours.get(), progress));
  return 0;
}
