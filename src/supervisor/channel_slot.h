// ChannelSlot: the GuestChannel of whatever machine runs now. The agent client and the agent socket hold it
// for the supervisor's life while machines come and go under it. Any thread.
#pragma once

#include <memory>

#include "base/guarded.h"
#include "channel/virtio_serial_channel.h"

namespace cove {

class ChannelSlot final : public GuestChannel {
 public:
  using Shared = std::shared_ptr<VirtioSerialChannel>;

  // The previous one goes when its last user is done with it.
  void set(Shared channel) {
    current_.with([&](Shared& current) { std::swap(current, channel); });
  }
  Shared get() const {
    return current_.read([](const Shared& current) { return current; });
  }
  Result<UniqueFd> connect(const OpContext& ctx, std::uint32_t port) override {
    const Shared channel = get();
    if (channel == nullptr) return Error(Code::kUnavailable, "the vm has no agent link now");
    return channel->connect(ctx, port);
  }

 private:
  Guarded<Shared> current_;
};

}  // namespace cove
