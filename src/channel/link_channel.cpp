#include "channel/link_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace cove {

LinkChannel::LinkChannel(std::uint16_t number, std::uint8_t generation, UniqueFd local,
                         std::uint32_t send_window, std::uint32_t receive_window)
    : number_(number),
      generation_(generation),
      local_(std::move(local)),
      send_credit_(send_window),
      receive_window_(receive_window),
      receive_left_(receive_window) {}

LinkChannel::Read LinkChannel::read_frame(ByteQueue& out, std::uint32_t epoch, std::size_t max_payload) {
  const auto room = begin_data_frame(out, std::min<std::size_t>(max_payload, send_credit_));
  ssize_t count = 0;
  do count = ::recv(local_.get(), room.data(), room.size(), MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  if (count > 0) {
    const auto bytes = static_cast<std::uint32_t>(count);
    finish_data_frame(out, {FrameKind::kData, generation_, number_, epoch, {}}, bytes);
    send_credit_ -= bytes;
    return Read::kData;
  }
  if (count < 0 && errno == EAGAIN) return Read::kNothingNow;
  read_ended_ = true;
  if (count < 0) return Read::kClosed;
  // The end of the stream: shut down for writing, or closed altogether?
  pollfd state{local_.get(), 0, 0};
  ::poll(&state, 1, 0);
  return (state.revents & POLLHUP) != 0 ? Read::kClosed : Read::kEnd;
}

void LinkChannel::add_credit(std::uint32_t bytes) {
  send_credit_ += std::min(bytes, std::numeric_limits<std::uint32_t>::max() - send_credit_);
}

LinkChannel::Write LinkChannel::write_local(std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(local_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      unreturned_ += static_cast<std::uint32_t>(count);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return Write::kGone;
    }
  }
  return Write::kOk;
}

LinkChannel::Write LinkChannel::deliver(std::string_view bytes) {
  if (bytes.size() > receive_left_ || write_ended_ || remote_closed_) return Write::kTooMuch;
  receive_left_ -= static_cast<std::uint32_t>(bytes.size());
  if (pending_.empty() && write_local(bytes) == Write::kGone) return Write::kGone;
  pending_.append(bytes);
  return Write::kOk;
}

LinkChannel::Write LinkChannel::flush() {
  std::string_view bytes = pending_.view();
  const auto result = write_local(bytes);
  pending_.consume(pending_.size() - bytes.size());
  if (pending_.empty()) {
    pending_.release();
    if (write_ended_) ::shutdown(local_.get(), SHUT_WR);
  }
  return result;
}

std::optional<std::uint32_t> LinkChannel::take_credit() {
  if (write_ended_ || remote_closed_ || unreturned_ < receive_window_ / 4) return std::nullopt;
  const std::uint32_t bytes = std::exchange(unreturned_, 0);
  receive_left_ += bytes;
  return bytes;
}

void LinkChannel::end_writing() {
  write_ended_ = true;
  if (pending_.empty()) ::shutdown(local_.get(), SHUT_WR);
}

void LinkChannel::close_remote() {
  remote_closed_ = true;
  read_ended_ = true;
}

bool LinkChannel::finished() const {
  return pending_.empty() && (remote_closed_ || (read_ended_ && write_ended_));
}

}  // namespace cove
