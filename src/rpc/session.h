// Session: the HTTP/2 state of one connection on nghttp2: frames in, frames out, streams by number. Does no
// I/O and takes no lock: a Connection owns it and calls it under its lock. Bytes received are hostile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/limits.h"
#include "rpc/metadata.h"
#include "rpc/out_queue.h"
#include "rpc/stream.h"

struct nghttp2_session;

namespace cove::rpc {

// A writer is told to wait when this many bytes of its stream are queued, and let go on at kWriterLow.
constexpr std::size_t kWriterHigh = 1U << 20;
constexpr std::size_t kWriterLow = 512U << 10;

enum class Role : unsigned char { kClient, kServer };

struct SessionOptions {
  Role role = Role::kServer;
  Limits limits;
  // Server: makes the stream of a new call.
  std::function<std::shared_ptr<Stream>()> make_stream;
  // Server: a call's headers are complete; false refuses it.
  std::function<bool(std::shared_ptr<Stream>)> on_call;
  // A stream is over as far as HTTP/2 is concerned.
  std::function<void(Stream&)> on_closed;
};

class Session final {
 public:
  explicit Session(SessionOptions options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();
  Result<void> start();

  // An error ends the connection.
  Result<void> receive(std::span<const char> bytes);
  // Moves frames into out() until there are none or enough; true if more wait for room.
  Result<bool> fill();
  OutQueue& out() { return out_; }
  // Nothing more is to be said or heard.
  bool finished() const;
  bool takes_calls() const;
  const Limits& limits() const { return options_.limits; }

  // Client: submits the request headers.
  Result<void> open(const std::shared_ptr<Stream>& stream, const Metadata& headers);
  void send(Stream& stream, std::string message);
  void close_send(Stream& stream);
  // Server: the status that ends the call.
  void finish(Stream& stream, const Result<void>& status);
  void reset(Stream& stream, const Error& why);
  void credit(Stream& stream, std::size_t bytes);
  // Ends every stream; nothing but destruction may follow.
  void end_all(const Error& why);
  std::size_t open_streams() const { return streams_.size(); }

 private:
  friend struct SessionCallbacks;
  Stream* find(std::int32_t id);
  Result<void> submit_settings();
  void end_from_trailers(Stream& stream);
  void dispatch(Stream& stream);

  SessionOptions options_;
  nghttp2_session* session_ = nullptr;
  OutQueue out_;
  bool full_ = false;
  std::unordered_map<std::int32_t, std::shared_ptr<Stream>> streams_;
};

}  // namespace cove::rpc
