#include "hypervisor/machine_sockets.h"

#include <sys/socket.h>

#include "base/io.h"

namespace cove {
namespace {

// A frame may have 64 KiB; the kernel's default buffer holds three.
constexpr int kNetBufferBytes = 4 << 20;

void widen(int fd) {
  // The forced form needs privilege; the plain one is cut to the system's limit. Both only cost speed.
  for (const auto& [forced, plain] : {std::pair{SO_SNDBUFFORCE, SO_SNDBUF}, {SO_RCVBUFFORCE, SO_RCVBUF}}) {
    if (::setsockopt(fd, SOL_SOCKET, forced, &kNetBufferBytes, sizeof kNetBufferBytes) != 0) {
      static_cast<void>(::setsockopt(fd, SOL_SOCKET, plain, &kNetBufferBytes, sizeof kNetBufferBytes));
    }
  }
}

Result<void> add_pair(MachineSockets& sockets, UniqueFd SocketEnds::*channel, int type) {
  auto pair = COVE_TRY(make_socketpair(type));
  COVE_TRY(set_nonblocking(pair.first.get()));
  sockets.spare.*channel = COVE_TRY(duplicate(pair.second.get()));
  sockets.host.*channel = std::move(pair.first);
  sockets.engine.*channel = std::move(pair.second);
  return {};
}

}  // namespace

Result<MachineSockets> MachineSockets::create(const MachineSpec& spec) {
  MachineSockets sockets;
  if (spec.find(DeviceKind::kSerialConsole) != nullptr) {
    COVE_TRY(add_pair(sockets, &SocketEnds::console, SOCK_STREAM));
  }
  if (spec.find(DeviceKind::kAgentPort) != nullptr) {
    COVE_TRY(add_pair(sockets, &SocketEnds::agent, SOCK_STREAM));
  }
  if (spec.find(DeviceKind::kNic) != nullptr) {
    COVE_TRY(add_pair(sockets, &SocketEnds::net, SOCK_DGRAM));
    widen(sockets.host.net.get());
    widen(sockets.engine.net.get());
  }
  return sockets;
}

}  // namespace cove
