// VirtioSerialChannel: the host's GuestChannel over QEMU's chardev socket behind the virtio-serial port
// com.cove.agent. Made and destroyed on the loop's thread; the loop carries every byte, so give it one that
// is not busy with something else. The members may be called from any thread unless they say otherwise.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "channel/agent_link.h"
#include "channel/guest_channel.h"

namespace cove {

class VirtioSerialChannel final : public GuestChannel {
 public:
  // The name of the port, on QEMU's command line and in the guest's /dev/virtio-ports.
  static constexpr const char* kPortName = "com.cove.agent";

  // `socket` is our end of the chardev's socketpair. `on_state` is called on the loop's thread.
  static Result<std::unique_ptr<VirtioSerialChannel>> create(
      EventLoop& loop, UniqueFd socket, std::function<void(AgentLink::State)> on_state = nullptr);

  Result<UniqueFd> connect(const OpContext& ctx, std::uint32_t port) override;
  // Waits until the guest's agent has answered on the link: the earliest sign that the guest is up.
  Result<void> wait_up(const OpContext& ctx);
  // After a restore or a fork: drops every stream at both ends and synchronises with the guest again.
  void raise_epoch();
  // The loop's thread: as the link's (agent_link.h), while the machine moves to another engine process.
  void hold();
  void move_to(UniqueFd fresh, std::string unread);
  void go_on(std::string unread);
  // The loop's thread: every stream ends, and whoever waits for the agent is refused.
  void close();
  AgentLink::State state() const;
  AgentLink::Counters counters() const;

 private:
  VirtioSerialChannel() = default;
  std::unique_ptr<AgentLink> link_;
  Registration registration_;  // after link_: dropped first
};

}  // namespace cove
