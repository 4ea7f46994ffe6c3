// The agent link's decoder and both ends of the link against arbitrary bytes from the other side.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/io.h"
#include "channel/agent_link.h"
#include "channel/frame.h"

namespace {

void decode(std::string_view bytes) {
  cove::FrameDecoder decoder;
  std::size_t piece = 1;
  while (!bytes.empty()) {
    const auto room = decoder.space();
    const std::size_t count = std::min({piece, room.size(), bytes.size()});
    std::copy_n(bytes.data(), count, room.data());
    decoder.commit(count);
    bytes.remove_prefix(count);
    piece = piece * 7 % 1021;
    while (const auto frame = decoder.next()) {
      if (frame->payload.size() > cove::kMaxPayloadBytes) __builtin_trap();
    }
  }
}

// The guest's end takes the epoch it is given, so frames in the input reach its channels.
void run_guest(std::string_view bytes) {
  auto wire = cove::make_socketpair(SOCK_STREAM);
  std::vector<cove::UniqueFd> accepted;
  auto link = cove::AgentLink::create(
      std::move(wire->second),
      {.role = cove::AgentLink::Role::kGuest,
       .on_accept = [&](std::uint32_t, cove::UniqueFd fd) { accepted.push_back(std::move(fd)); },
       .on_state = {}});
  std::vector<char> sink(std::size_t{1} << 18U);
  while (!bytes.empty()) {
    const ssize_t count = ::send(wire->first.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    (*link)->process();
    while (::recv(wire->first.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
    for (const auto& fd : accepted) {
      while (::recv(fd.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
      }
    }
    if ((*link)->state() == cove::AgentLink::State::kClosed) return;
  }
  wire->first.reset();
  (*link)->process();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  run_guest(bytes);
  return 0;
}
