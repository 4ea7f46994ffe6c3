#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/io.h"
#include "channel/link_impl.h"

namespace cove::internal {

// Channels ---------------------------------------------------------------------------------------------

// The port's own number if it is free, so that a trace reads well; else one of this end's.
std::optional<std::uint16_t> Link::free_number(std::uint32_t port) const {
  const auto used = [this](std::uint32_t number) {
    return std::any_of(channels_.begin(), channels_.end(),
                       [=](const auto& entry) { return entry.second.number() == number; });
  };
  if (options_.role == Role::kHost && port < kDynamicHost && !used(port))
    return static_cast<std::uint16_t>(port);
  const std::uint32_t first = options_.role == Role::kHost ? kDynamicHost : kDynamicGuest;
  for (std::uint32_t number = first; number < first + kMaxChannels; ++number) {
    if (!used(number)) return static_cast<std::uint16_t>(number);
  }
  return std::nullopt;
}

LinkChannel* Link::add_channel(std::uint16_t number, std::uint8_t generation, UniqueFd local) {
  LinkChannel channel(number, generation, std::move(local), peer_window_, kWindowBytes);
  const auto [place, added] = channels_.emplace(channel.key(), std::move(channel));
  if (!added) return nullptr;
  epoll_event event{EPOLLIN, {.u64 = place->first}};
  if (::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, place->second.fd(), &event) < 0) {
    channels_.erase(place);
    return nullptr;
  }
  place->second.poll_mask = EPOLLIN;
  return &place->second;
}

// A stream that cannot be opened ends at once: the command's descriptor closes here.
void Link::open_channel(OpenCommand command) {
  if (state_ != State::kUp || channels_.size() >= kMaxChannels) return;
  const auto number = free_number(command.port);
  if (!number) return;
  const LinkChannel* channel = add_channel(*number, ++generation_, std::move(command.local));
  if (channel == nullptr) return;
  char payload[4];
  put_u32(payload, command.port);
  send(FrameKind::kOpen, *channel, {payload, sizeof payload});
}

void Link::send(FrameKind kind, const LinkChannel& channel, std::string_view payload) {
  append_frame(out_, {kind, channel.generation(), channel.number(), epoch_, payload});
  count_.frames_out.fetch_add(1, std::memory_order_relaxed);
}

void Link::watch(LinkChannel& channel, std::uint32_t mask) {
  if (channel.poll_mask == mask) return;
  channel.poll_mask = mask;
  epoll_event event{mask, {.u64 = channel.key()}};
  ::epoll_ctl(poller_.get(), EPOLL_CTL_MOD, channel.fd(), &event);
}

void Link::drop(LinkChannel& channel, std::optional<FrameKind> farewell) {
  if (farewell) send(*farewell, channel);
  channels_.erase(channel.key());
}

void Link::read_channel(LinkChannel& channel, int frames) {
  while (frames-- > 0 && channel.may_send() && out_.size() < kOutHighBytes) {
    switch (channel.read_frame(out_, epoch_, peer_payload_)) {
      case LinkChannel::Read::kData:
        count_.frames_out.fetch_add(1, std::memory_order_relaxed);
        continue;
      case LinkChannel::Read::kNothingNow:
        watch(channel, (channel.poll_mask & EPOLLOUT) | EPOLLIN);
        return;
      case LinkChannel::Read::kEnd:
        send(FrameKind::kEnd, channel);
        watch(channel, channel.poll_mask & EPOLLOUT);
        return drop_finished(channel);
      case LinkChannel::Read::kClosed:
        return drop(channel, FrameKind::kClose);
    }
  }
  if (channel.read_ended()) return;
  if (channel.may_send() && out_.size() < kOutHighBytes && (channel.poll_mask & EPOLLIN) != 0) return;
  watch(channel, channel.poll_mask & EPOLLOUT);
  if (!channel.stalled) stalled_.push_back(channel.key());
  channel.stalled = true;
}

// One turn each, in the order in which they stalled, while there is room.
void Link::read_stalled() {
  const auto waiting = std::exchange(stalled_, {});
  for (const std::uint32_t key : waiting) {
    const auto found = channels_.find(key);
    if (found == channels_.end()) continue;
    LinkChannel& channel = found->second;
    channel.stalled = false;
    if (channel.may_send() && out_.size() < kOutHighBytes) {
      read_channel(channel, 1);
    } else if (!channel.read_ended()) {
      channel.stalled = true;
      stalled_.push_back(key);
    }
  }
}

void Link::after_local_write(LinkChannel& channel, LinkChannel::Write result) {
  if (result == LinkChannel::Write::kGone) return drop(channel, FrameKind::kClose);
  if (result == LinkChannel::Write::kTooMuch) return drop(channel, FrameKind::kReset);
  if (const auto credit = channel.take_credit()) {
    char payload[4];
    put_u32(payload, *credit);
    send(FrameKind::kCredit, channel, {payload, sizeof payload});
  }
  const std::uint32_t out = channel.has_pending() ? std::uint32_t{EPOLLOUT} : 0U;
  watch(channel, (channel.poll_mask & EPOLLIN) | out);
  drop_finished(channel);
}

void Link::channel_event(std::uint32_t key, std::uint32_t events) {
  auto found = channels_.find(key);
  if (found == channels_.end()) return;
  if ((events & EPOLLOUT) != 0) {
    after_local_write(found->second, found->second.flush());
    found = channels_.find(key);
    if (found == channels_.end()) return;
  }
  LinkChannel& channel = found->second;
  if ((events & EPOLLIN) != 0) return read_channel(channel, kFramesPerTurn);
  // The user closed its end while it was not being read: nobody is left to read or write here.
  if ((events & (EPOLLHUP | EPOLLERR)) == 0) return;
  if (channel.read_ended() || channel.remote_closed()) return drop(channel, FrameKind::kClose);
  ::epoll_ctl(poller_.get(), EPOLL_CTL_DEL, channel.fd(), nullptr);  // read to its end when there is room
}

// Frames -----------------------------------------------------------------------------------------------

void Link::handle_hello(const Frame& frame) {
  const auto hello = parse_hello(frame.payload);
  if (!hello || hello->version != 1 || hello->max_payload == 0 || hello->window == 0 ||
      hello->window > kMaxWindowBytes) {
    return;
  }
  const bool host = options_.role == Role::kHost;
  if (host && frame.epoch == 0) return guest_started();
  if (host ? frame.epoch != epoch_ || state_ == State::kUp : frame.epoch == 0) return;
  if (!host && state_ == State::kUp && frame.epoch == epoch_)
    return append_hello(out_, epoch_, {.window = kWindowBytes});
  peer_window_ = hello->window;
  peer_payload_ = std::min<std::size_t>(hello->max_payload, kMaxPayloadBytes);
  if (!host) start_epoch(frame.epoch);
  set_state(State::kUp);
}

// The guest's end announced itself. In an epoch it has answered, it has started anew. In one it has not, it
// may or may not have had our hello: the same one again drops nothing of a guest that had.
void Link::guest_started() {
  if (state_ == State::kUp) {
    set_state(State::kDown);
    start_epoch(random_epoch());
  } else if (out_.size() < kHelloFrameBytes) {
    greet();
  }
}

void Link::handle_open(const Frame& frame) {
  const std::uint32_t key = LinkChannel::key_of(frame.channel, frame.generation);
  const bool ours =
      options_.role == Role::kHost ? frame.channel < kDynamicGuest : frame.channel >= kDynamicGuest;
  if (frame.payload.size() != 4 || ours || channels_.count(key) != 0) return;
  auto pair = options_.on_accept && channels_.size() < kMaxChannels
                  ? make_socketpair(SOCK_STREAM)
                  : Result<std::pair<UniqueFd, UniqueFd>>(Error(Code::kUnavailable, "nobody listens"));
  if (!pair.ok() || add_channel(frame.channel, frame.generation, std::move(pair->second)) == nullptr) {
    append_frame(out_, {FrameKind::kReset, frame.generation, frame.channel, epoch_, {}});
    return;
  }
  options_.on_accept(get_u32(frame.payload.data()), std::move(pair->first));
}

void Link::handle_channel(const Frame& frame) {
  const auto found = channels_.find(LinkChannel::key_of(frame.channel, frame.generation));
  if (found == channels_.end()) return;  // what was under way to a channel that is gone
  LinkChannel& channel = found->second;
  switch (frame.kind) {
    case FrameKind::kData:
      return after_local_write(channel, channel.deliver(frame.payload));
    case FrameKind::kEnd:
      channel.end_writing();
      return drop_finished(channel);
    case FrameKind::kClose:
      channel.close_remote();
      watch(channel, channel.poll_mask & EPOLLOUT);
      return drop_finished(channel);
    case FrameKind::kCredit:
      if (frame.payload.size() != 4) return;
      channel.add_credit(get_u32(frame.payload.data()));
      return;
    case FrameKind::kReset:
      return drop(channel, std::nullopt);
    case FrameKind::kHello:
    case FrameKind::kOpen:
      return;
  }
}

void Link::handle(const Frame& frame) {
  count_.frames_in.fetch_add(1, std::memory_order_relaxed);
  if (frame.kind == FrameKind::kHello) return handle_hello(frame);
  if (state_ != State::kUp || frame.epoch != epoch_) return;
  if (frame.kind == FrameKind::kOpen) return handle_open(frame);
  handle_channel(frame);
}

}  // namespace cove::internal
