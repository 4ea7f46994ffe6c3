#include "rpc/session.h"

#include <array>

#include "rpc/grpc_wire.h"
#include "rpc/session_callbacks.h"

namespace cove::rpc {
namespace {

// The connection's window is given back as bytes are read, so it only has to cover what is in flight.
constexpr std::int32_t kConnectionWindow = 16 << 20;
constexpr std::uint32_t kLargestFrameAccepted = 1U << 20;

Error session_error(int error) {
  return Error(Code::kUnavailable, std::string("the connection broke: ") + nghttp2_strerror(error));
}

std::vector<nghttp2_nv> header_fields(const Metadata& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size());
  for (const auto& [name, value] : headers) fields.push_back(header_field(name, value));
  return fields;
}

bool is_grpc_content(std::string_view type) {
  constexpr std::string_view kType = "application/grpc";
  if (!type.starts_with(kType)) return false;
  type.remove_prefix(kType.size());
  return type.empty() || type.front() == '+' || type.front() == ';';
}

}  // namespace

Session::Session(SessionOptions options) : options_(std::move(options)) {}

Session::~Session() { nghttp2_session_del(session_); }

Result<void> Session::start() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  int failed = nghttp2_session_callbacks_new(&callbacks);
  if (failed == 0) failed = nghttp2_option_new(&option);
  if (failed == 0) {
    SessionCallbacks::install(callbacks);
    nghttp2_option_set_no_auto_window_update(option, 1);
    // Until the server has said how many calls it takes, one: a call too many would be refused, not queued.
    nghttp2_option_set_peer_max_concurrent_streams(option, 1);
    failed = options_.role == Role::kServer ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                                            : nghttp2_session_client_new2(&session_, callbacks, this, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (failed != 0) return session_error(failed);
  return submit_settings();
}

Result<void> Session::submit_settings() {
  const Limits& limits = options_.limits;
  const std::array<nghttp2_settings_entry, 5> settings{
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
       {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, kLargestFrameAccepted},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.max_header_bytes)},
       {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}}};
  // A server may not speak of push at all.
  const std::size_t count = options_.role == Role::kServer ? settings.size() - 1 : settings.size();
  int failed = nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  if (failed == 0)
    failed = nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  if (failed != 0) return session_error(failed);
  return {};
}

Result<void> Session::receive(std::span<const char> bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) return session_error(static_cast<int>(taken));
  return {};
}

Result<bool> Session::fill() {
  full_ = false;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return session_error(static_cast<int>(size));
    if (size == 0) return full_;
    out_.append({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
  }
}

bool Session::finished() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool Session::takes_calls() const { return nghttp2_session_check_request_allowed(session_) != 0; }

Stream* Session::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

Result<void> Session::open(const std::shared_ptr<Stream>& stream, const Metadata& headers) {
  if (!takes_calls()) return Error(Code::kUnavailable, "the peer takes no more calls on this connection");
  const auto fields = header_fields(headers);
  const auto provider = SessionCallbacks::provider(*stream);
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &provider, stream.get());
  if (id < 0) return session_error(id);
  stream->wire.id = id;
  streams_.emplace(id, stream);
  return {};
}

void Session::send(Stream& stream, std::string message) {
  StreamWire& wire = stream.wire;
  if (wire.closed || wire.out_done) return;
  if (options_.role == Role::kServer && !wire.started) {
    wire.started = true;
    const std::array fields{header_field(":status", "200"), header_field("content-type", "application/grpc")};
    const auto provider = SessionCallbacks::provider(stream);
    nghttp2_submit_response(session_, wire.id, fields.data(), fields.size(), &provider);
  }
  wire.outgoing.push_back({std::make_shared<const std::string>(std::move(message)), 0});
  wire.out_bytes += wire.outgoing.back().left();
  if (!wire.throttled && wire.out_bytes >= kWriterHigh) stream.set_throttled(true);
  nghttp2_session_resume_data(session_, wire.id);
}

void Session::close_send(Stream& stream) {
  if (stream.wire.closed || stream.wire.out_done) return;
  stream.wire.out_done = true;
  nghttp2_session_resume_data(session_, stream.wire.id);
}

void Session::finish(Stream& stream, const Result<void>& status) {
  StreamWire& wire = stream.wire;
  if (wire.closed || wire.out_done) return;
  wire.out_done = true;
  wire.trailer_status = std::to_string(status.ok() ? 0 : static_cast<int>(status.error().code()));
  wire.trailer_message = status.ok() ? "" : percent_encode(status.error().message());
  if (wire.started) {
    nghttp2_session_resume_data(session_, wire.id);
    return;
  }
  wire.started = true;
  const std::array fields{header_field(":status", "200"), header_field("content-type", "application/grpc"),
                          header_field("grpc-status", wire.trailer_status),
                          header_field("grpc-message", wire.trailer_message)};
  nghttp2_submit_response(session_, wire.id, fields.data(),
                          fields.size() - (wire.trailer_message.empty() ? 1 : 0), nullptr);
}

void Session::reset(Stream& stream, const Error& why) {
  stream.end(why);
  if (stream.wire.closed) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.wire.id, NGHTTP2_CANCEL);
}

void Session::credit(Stream& stream, std::size_t bytes) {
  if (stream.wire.closed) return;
  nghttp2_session_consume_stream(session_, stream.wire.id, bytes);
}

void Session::end_all(const Error& why) {
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [id, stream] : streams) {
    stream->wire.closed = true;
    stream->end(why);
    options_.on_closed(*stream);
  }
}

// Client: the last frame of a reply. A reply of trailers only carries its status in the first headers.
void Session::end_from_trailers(Stream& stream) {
  const StreamWire& wire = stream.wire;
  std::optional<Error> error;
  if (wire.grpc_status.empty()) {
    error = error_from_http_status(wire.http_status);
  } else if (auto status = status_from_wire(wire.grpc_status, wire.grpc_message); !status.ok()) {
    error = std::move(status).error();
  } else if (stream.wire.in.pending() > 0) {
    error = Error(Code::kInternal, "a message was cut short");
  }
  stream.end(std::move(error));
  if (nghttp2_session_get_stream_local_close(session_, wire.id) == 0)
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, wire.id, NGHTTP2_NO_ERROR);
}

// Server: the headers of a call are complete.
void Session::dispatch(Stream& stream) {
  if (stream.wire.method != "POST" || !is_grpc_content(stream.wire.content_type)) {
    stream.wire.out_done = true;
    const std::array fields{header_field(":status", "415")};
    nghttp2_submit_response(session_, stream.wire.id, fields.data(), fields.size(), nullptr);
    return;
  }
  if (const auto span = parse_timeout(stream.wire.grpc_timeout))
    stream.call.ctx = stream.call.ctx.with_timeout(*span);
  const auto found = streams_.find(stream.wire.id);
  if (options_.on_call(found->second)) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.wire.id, NGHTTP2_REFUSED_STREAM);
}

}  // namespace cove::rpc
