// GuestChannel: byte streams between the host and numbered ports in a guest, whatever carries them (the agent
// link over virtio-serial, or vsock). Owned by the machine or by whoever opened the carrier; any thread may
// call it.
#pragma once

#include <cstdint>

#include "base/cancel.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

// Where the guest agent serves: as root, and as the provisioned user.
constexpr std::uint32_t kSystemRealmPort = 1024;
constexpr std::uint32_t kUserRealmPort = 1025;

class GuestChannel {
 public:
  virtual ~GuestChannel() = default;
  // A new stream to `port`: one end of a close-on-exec stream socketpair, closed by whoever holds it. Waits
  // until the guest's end of the carrier answers, as long as `ctx` allows. A port nobody serves shows as the
  // end of the stream. Every stream ends when the guest is restored, forked or its agent restarts: callers
  // connect again.
  virtual Result<UniqueFd> connect(const OpContext& ctx, std::uint32_t port) = 0;
};

}  // namespace cove
