#include "channel/virtio_serial_channel.h"

namespace cove {

Result<std::unique_ptr<VirtioSerialChannel>> VirtioSerialChannel::create(
    EventLoop& loop, UniqueFd socket, std::function<void(AgentLink::State)> on_state) {
  std::unique_ptr<VirtioSerialChannel> channel(new VirtioSerialChannel);
  channel->link_ = COVE_TRY(AgentLink::create(
      std::move(socket), {.role = AgentLink::Role::kHost, .on_accept = {}, .on_state = std::move(on_state)}));
  channel->registration_ = channel->link_->attach(loop);
  return channel;
}

Result<UniqueFd> VirtioSerialChannel::connect(const OpContext& ctx, std::uint32_t port) {
  return link_->connect(ctx, port);
}

Result<void> VirtioSerialChannel::wait_up(const OpContext& ctx) { return link_->wait_up(ctx); }
void VirtioSerialChannel::raise_epoch() { link_->raise_epoch(); }
void VirtioSerialChannel::hold() { link_->hold(); }
void VirtioSerialChannel::move_to(UniqueFd fresh, std::string unread) {
  link_->move_to(std::move(fresh), std::move(unread));
}
void VirtioSerialChannel::go_on(std::string unread) { link_->go_on(std::move(unread)); }
void VirtioSerialChannel::close() { link_->close(); }
AgentLink::State VirtioSerialChannel::state() const { return link_->state(); }
AgentLink::Counters VirtioSerialChannel::counters() const { return link_->counters(); }

}  // namespace cove
