// Stream: one call on a connection, seen from either end. The blocking half (read, write) may be used by any
// thread; `wire` belongs to the Session and is touched only under the connection's lock. Lock order:
// connection, then stream.
#pragma once

#include <google/protobuf/message_lite.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/guarded.h"
#include "rpc/deframer.h"
#include "rpc/limits.h"
#include "rpc/metadata.h"

namespace cove::rpc {

class Connection;

// A message in the outgoing queue of a stream, prefix and body, and how much of it is on the wire.
struct Outgoing {
  std::shared_ptr<const std::string> body;
  std::size_t sent = 0;
  std::size_t left() const { return kPrefixSize + body->size() - sent; }
};

// The Session's part of a stream.
struct StreamWire {
  explicit StreamWire(std::size_t max_message) : in(max_message) {}
  std::int32_t id = 0;
  bool closed = false;      // HTTP/2 is done with it; the id means nothing any more
  bool started = false;     // server: response headers were submitted
  bool out_done = false;    // nothing follows the queue but the end (client) or the trailers (server)
  bool throttled = false;   // the writer was told to wait
  bool unreadable = false;  // what the peer sends is dropped
  std::deque<Outgoing> outgoing;
  std::size_t out_bytes = 0;
  std::string trailer_status, trailer_message;  // server: to be sent
  Deframer in;
  std::size_t precredited = 0;  // bytes of the message under way that the peer already has window for again
  std::size_t header_bytes = 0;
  std::string http_status, content_type, method, grpc_status, grpc_message, grpc_timeout;
};

class Stream final {
 public:
  struct Call {
    std::string path;
    Metadata metadata;
    OpContext ctx;  // governs the whole call
  };
  Stream(std::shared_ptr<Connection> connection, const Limits& limits);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // The next message; nullopt at the regular end.
  Result<std::optional<std::string>> read(const OpContext& ctx);
  Result<bool> read(const OpContext& ctx, google::protobuf::MessageLite& message);
  Result<void> write(const OpContext& ctx, std::string message);
  bool complete() const;
  bool at_end() const;
  void stop_reading();
  Connection& connection() { return *connection_; }
  std::size_t max_message() const { return max_message_; }

  // --- the Session's and Connection's side; under the connection's lock ---
  void deliver(std::string_view bytes);  // sets wire.unreadable on bytes that are no messages
  // Window to give back for a message under way that may outgrow the window: once nothing waits before it, it
  // is given back as it arrives, else the message could never end.
  std::size_t take_partial_credit();
  void peer_done();                      // the peer sends no more
  void end(std::optional<Error> error);  // the call is over; the first end counts
  void set_throttled(bool throttled);
  bool ended() const;

  Call call;                           // constant once others can see the stream
  std::optional<CancelSource> source;  // server: tells the handler
  std::optional<std::string> last;     // server: the handler's write_last()
  StreamWire wire;

 private:
  struct Incoming {
    std::string message;
    std::size_t charge = 0;  // window to give back when it is taken
  };
  struct Shared {
    std::deque<Incoming> inbox;
    std::size_t owed = 0;        // window of messages taken, not yet given back
    bool partial_large = false;  // take_partial_credit() is due when the inbox is empty
    bool peer_done = false;
    bool ended = false;
    bool throttled = false;
    std::optional<Error> read_error;
    std::optional<Error> end_error;
  };
  OpContext waiting(const OpContext& ctx) const;
  Error give_up(Error why);
  bool is_large(std::size_t size) const { return size > window_ / 8; }

  std::shared_ptr<Connection> connection_;
  std::size_t window_;
  std::size_t max_message_;
  Guarded<Shared> shared_;
};

// kResourceExhausted beyond max_message.
Result<std::string> encode_message(const google::protobuf::MessageLite& message, std::size_t max_message);
Result<void> decode_message(const std::string& bytes, google::protobuf::MessageLite& message);

}  // namespace cove::rpc
