#include "rpc/stream.h"

#include "rpc/connection.h"

namespace cove::rpc {

Stream::Stream(std::shared_ptr<Connection> connection, const Limits& limits)
    : wire(limits.max_message),
      connection_(std::move(connection)),
      window_(limits.stream_window),
      max_message_(limits.max_message) {}

// The call's own cancel token is watched by the connection, so only a foreign one needs watching here.
OpContext Stream::waiting(const OpContext& ctx) const {
  OpContext wait = ctx.with_deadline(call.ctx.deadline);
  if (ctx.cancel.fd() == call.ctx.cancel.fd()) wait.cancel = {};
  return wait;
}

// A wait that ended with the call's own deadline ends the call.
Error Stream::give_up(Error why) {
  if (call.ctx.deadline.expired() && !source) connection_->reset(*this, why);
  return why;
}

Result<std::optional<std::string>> Stream::read(const OpContext& ctx) {
  std::optional<std::string> message;
  std::optional<Error> error;
  std::optional<std::size_t> credit;
  auto waited = shared_.wait(
      waiting(ctx), [](Shared& s) { return !s.inbox.empty() || s.peer_done || s.ended; },
      [&](Shared& s) {
        if (s.inbox.empty()) {
          error = s.read_error ? s.read_error : s.end_error;
          return;
        }
        message = std::move(s.inbox.front().message);
        s.owed += s.inbox.front().charge;
        s.inbox.pop_front();
        if (is_large(s.owed) || (s.partial_large && s.inbox.empty())) credit = std::exchange(s.owed, 0);
      });
  if (!waited.ok()) return give_up(std::move(waited).error());
  if (error) return *std::move(error);
  if (credit) connection_->credit(*this, *credit);
  return message;
}

Result<bool> Stream::read(const OpContext& ctx, google::protobuf::MessageLite& message) {
  const auto bytes = COVE_TRY(read(ctx));
  if (!bytes) return false;
  COVE_TRY(decode_message(*bytes, message));
  return true;
}

Result<void> Stream::write(const OpContext& ctx, std::string message) {
  if (message.size() > max_message_)
    return Error(Code::kResourceExhausted,
                 "message of " + std::to_string(message.size()) + " bytes is too large");
  std::optional<Error> error;
  auto waited = shared_.wait(
      waiting(ctx), [](Shared& s) { return !s.throttled || s.ended; },
      [&](Shared& s) {
        if (!s.ended) return;
        error = s.end_error ? *s.end_error : Error(Code::kAborted, "the call has ended");
      });
  if (!waited.ok()) return give_up(std::move(waited).error());
  if (error) return *std::move(error);
  connection_->send(*this, std::move(message));
  return {};
}

bool Stream::complete() const {
  return shared_.read([](const Shared& s) { return s.peer_done && !s.read_error; });
}

void Stream::stop_reading() {
  shared_.with([](Shared& s) {
    s.inbox.clear();
    s.read_error = Error(Code::kCancelled, "the reader has left");
    s.peer_done = true;
  });
}

bool Stream::at_end() const {
  return shared_.read([](const Shared& s) { return s.inbox.empty() && s.peer_done && !s.read_error; });
}

bool Stream::ended() const {
  return shared_.read([](const Shared& s) { return s.ended; });
}

void Stream::deliver(std::string_view bytes) {
  const std::size_t before = wire.in.pending();
  std::vector<std::string> messages;
  auto fed = wire.in.feed(bytes, messages);
  if (messages.empty() && fed.ok() && before > 0 && !is_large(wire.in.expected())) return;
  shared_.with([&](Shared& s) {
    for (std::string& message : messages) {
      const std::size_t size = kPrefixSize + message.size();
      s.inbox.push_back({std::move(message), size - std::exchange(wire.precredited, 0)});
    }
    s.partial_large = fed.ok() && is_large(wire.in.expected());
    if (!fed.ok()) {
      s.read_error = std::move(fed).error();
      s.peer_done = true;
      wire.unreadable = true;
    }
  });
}

std::size_t Stream::take_partial_credit() {
  if (!is_large(wire.in.expected())) return 0;
  const bool alone = shared_.read([](const Shared& s) { return s.inbox.empty(); });
  return alone ? wire.in.pending() - std::exchange(wire.precredited, wire.in.pending()) : 0;
}

void Stream::peer_done() {
  shared_.with([&](Shared& s) {
    if (wire.in.pending() > 0 && !s.read_error)
      s.read_error = Error(Code::kInternal, "a message was cut short");
    s.peer_done = true;
  });
}

void Stream::end(std::optional<Error> error) {
  const bool tell_handler = source && error;
  shared_.with([&](Shared& s) {
    if (s.ended) return;
    s.ended = true;
    s.end_error = std::move(error);
  });
  if (tell_handler) source->cancel();
}

void Stream::set_throttled(bool throttled) {
  wire.throttled = throttled;
  shared_.with([&](Shared& s) { s.throttled = throttled; });
}

Result<std::string> encode_message(const google::protobuf::MessageLite& message, std::size_t max_message) {
  const std::size_t size = message.ByteSizeLong();
  if (size > max_message)
    return Error(Code::kResourceExhausted, "message of " + std::to_string(size) + " bytes is too large");
  std::string bytes(size, '\0');
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(bytes.data()));
  return bytes;
}

Result<void> decode_message(const std::string& bytes, google::protobuf::MessageLite& message) {
  if (!message.ParseFromString(bytes)) return Error(Code::kInternal, "the peer's message does not parse");
  return {};
}

}  // namespace cove::rpc
