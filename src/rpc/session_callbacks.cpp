#include "rpc/session_callbacks.h"

#include <algorithm>
#include <array>

#include "rpc/grpc_wire.h"

namespace cove::rpc {
namespace {

constexpr std::size_t kLargestFrame = 256U << 10;
// Frames are made until this many bytes wait for the descriptor.
constexpr std::size_t kOutEnough = 512U << 10;

Session& session_of(void* user) { return *static_cast<Session*>(user); }

std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

bool ends_stream(const nghttp2_frame& frame) { return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0; }

void store_header(Stream& stream, std::string_view name, std::string_view value) {
  StreamWire& wire = stream.wire;
  if (name == ":path") {
    stream.call.path = value;
  } else if (name == ":method") {
    wire.method = value;
  } else if (name == ":status") {
    wire.http_status = value;
  } else if (name == "content-type") {
    wire.content_type = value;
  } else if (name == "grpc-status") {
    wire.grpc_status = value;
  } else if (name == "grpc-message") {
    wire.grpc_message = value;
  } else if (name == "grpc-timeout") {
    wire.grpc_timeout = value;
  } else if (!is_reserved_header(name)) {
    stream.call.metadata.emplace_back(name, value);
  }
}

// Moves at most `size` bytes of the message's prefix or body to the descriptor's queue.
std::size_t append_some(OutQueue& out, Outgoing& message, std::size_t size) {
  const bool in_prefix = message.sent < kPrefixSize;
  const std::size_t take = std::min(size, in_prefix ? kPrefixSize - message.sent : message.left());
  if (in_prefix) {
    const auto prefix = message_prefix(message.body->size());
    out.append({prefix.data() + message.sent, take});
  } else {
    out.append(message.body, std::string_view(*message.body).substr(message.sent - kPrefixSize, take));
  }
  message.sent += take;
  return take;
}

}  // namespace

nghttp2_nv header_field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  // A timeout differs from call to call: keeping it in the compression table would only push others out.
  const bool once = name == "grpc-timeout" || name == "grpc-message";
  return {bytes(name), bytes(value), name.size(), value.size(),
          static_cast<std::uint8_t>(once ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)};
}

void SessionCallbacks::install(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_size);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
}

nghttp2_data_provider SessionCallbacks::provider(Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = read_data;
  return provider;
}

int SessionCallbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Session& self = session_of(user);
  if (self.options_.role != Role::kServer || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  auto stream = self.options_.make_stream();
  stream->wire.id = frame->hd.stream_id;
  self.streams_.emplace(frame->hd.stream_id, std::move(stream));
  return 0;
}

int SessionCallbacks::on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                                std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                                std::uint8_t, void* user) {
  Session& self = session_of(user);
  Stream* stream = self.find(frame->hd.stream_id);
  if (!stream) return 0;
  stream->wire.header_bytes += name_size + value_size + 32;
  if (stream->wire.header_bytes > self.options_.limits.max_header_bytes) {
    stream->end(Error(Code::kResourceExhausted, "the peer's headers are too large"));
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  // A server's call is in other hands once its headers are complete; what comes later may not change it.
  const bool trailers_of_request =
      self.options_.role == Role::kServer && frame->headers.cat != NGHTTP2_HCAT_REQUEST;
  if (!trailers_of_request) store_header(*stream, view(name, name_size), view(value, value_size));
  return 0;
}

int SessionCallbacks::on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Session& self = session_of(user);
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  Stream* stream = self.find(frame->hd.stream_id);
  if (!stream) return 0;
  const bool request = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  if (ends_stream(*frame) && self.options_.role == Role::kServer) stream->peer_done();
  if (ends_stream(*frame) && self.options_.role == Role::kClient) self.end_from_trailers(*stream);
  if (request) self.dispatch(*stream);
  return 0;
}

int SessionCallbacks::on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                                    const std::uint8_t* data, std::size_t size, void* user) {
  Session& self = session_of(user);
  // The connection's window only paces the descriptor; a reader that is slow holds up its own stream alone.
  nghttp2_session_consume_connection(session, size);
  Stream* stream = self.find(id);
  if (!stream || stream->wire.unreadable) return 0;
  stream->deliver(view(data, size));
  if (const std::size_t credit = stream->take_partial_credit()) self.credit(*stream, credit);
  if (stream->wire.unreadable && self.options_.role == Role::kClient)
    self.reset(*stream, Error(Code::kInternal, "the reply is not readable"));
  return 0;
}

int SessionCallbacks::on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
  Session& self = session_of(user);
  const auto found = self.streams_.find(id);
  if (found == self.streams_.end()) return 0;
  const std::shared_ptr<Stream> stream = std::move(found->second);
  self.streams_.erase(found);
  stream->wire.closed = true;
  stream->wire.outgoing.clear();
  if (self.options_.role == Role::kServer && error == NGHTTP2_CANCEL)
    stream->end(Error(Code::kCancelled, "the client cancelled the call"));
  else if (self.options_.role == Role::kServer && stream->wire.out_done)
    stream->end(std::nullopt);
  else
    stream->end(error == NGHTTP2_NO_ERROR ? error_from_http_status(stream->wire.http_status)
                                          : error_from_reset(error));
  self.options_.on_closed(*stream);
  return 0;
}

int SessionCallbacks::on_frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Session& self = session_of(user);
  if (self.options_.role != Role::kServer || frame->hd.type != NGHTTP2_HEADERS || !ends_stream(*frame))
    return 0;
  // The status is out while the client still sends: tell it that nobody listens.
  if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
  return 0;
}

int SessionCallbacks::on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
  Session& self = session_of(user);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (Stream* stream = self.find(frame->hd.stream_id))
    stream->end(
        Error(Code::kUnavailable, std::string("the call could not be sent: ") + nghttp2_strerror(error)));
  return 0;
}

ssize_t SessionCallbacks::frame_size(nghttp2_session*, std::uint8_t, std::int32_t,
                                     std::int32_t session_window, std::int32_t stream_window,
                                     std::uint32_t max_frame, void*) {
  return static_cast<ssize_t>(std::min<std::int64_t>(
      {session_window, stream_window, static_cast<std::int64_t>(max_frame), kLargestFrame}));
}

ssize_t SessionCallbacks::read_data(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                                    std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                                    void* user) {
  StreamWire& wire = static_cast<Stream*>(source->ptr)->wire;
  const std::size_t take = std::min(size, wire.out_bytes);
  if (take == 0 && !wire.out_done) return NGHTTP2_ERR_DEFERRED;
  if (take > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (take < wire.out_bytes || !wire.out_done) return static_cast<ssize_t>(take);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (session_of(user).options_.role == Role::kServer) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const std::array fields{header_field("grpc-status", wire.trailer_status),
                            header_field("grpc-message", wire.trailer_message)};
    nghttp2_submit_trailer(session, id, fields.data(), wire.trailer_message.empty() ? 1 : 2);
  }
  return static_cast<ssize_t>(take);
}

int SessionCallbacks::send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                                std::size_t size, nghttp2_data_source* source, void* user) {
  Session& self = session_of(user);
  self.full_ = self.out_.bytes() >= kOutEnough;
  if (self.full_) return NGHTTP2_ERR_WOULDBLOCK;
  Stream& stream = *static_cast<Stream*>(source->ptr);
  constexpr std::size_t kFrameHeader = 9;
  self.out_.append(view(header, kFrameHeader));
  stream.wire.out_bytes -= size;
  while (size > 0) {
    Outgoing& message = stream.wire.outgoing.front();
    size -= append_some(self.out_, message, size);
    if (message.left() == 0) stream.wire.outgoing.pop_front();
  }
  if (stream.wire.throttled && stream.wire.out_bytes <= kWriterLow) stream.set_throttled(false);
  return 0;
}

}  // namespace cove::rpc
