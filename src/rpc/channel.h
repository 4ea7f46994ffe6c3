// Channel: a gRPC client over one connected stream descriptor (socketpair, unix socket, vsock, the end of an
// agent link). One thread per channel reads the descriptor; calls block the thread that makes them, and any
// number of threads may call at once. When the peer goes away, at whatever byte, every call ends with
// kUnavailable and so does every later one: a channel never reconnects.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "rpc/limits.h"
#include "rpc/metadata.h"

namespace google::protobuf {
class MessageLite;
}

namespace cove::rpc {

class Connection;
class Stream;

struct ChannelOptions {
  std::string authority = "localhost";
  std::string user_agent = "cove";
  // Sent with every call, e.g. {"authorization", "Bearer ..."}.
  Metadata metadata;
  Limits limits;
};

// One streaming call. One thread reads, any may write: each message goes out whole. Dropping it before the
// end of the call cancels the call. It may outlive the channel; then its members fail with kUnavailable.
class ClientStream final {
 public:
  explicit ClientStream(std::shared_ptr<Stream> stream);
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;
  ~ClientStream();

  // Waits while too much is under way. The error is the call's status if it has ended; kAborted if it ended
  // with OK (read() then says so). A wait ended by this ctx leaves the call as it was.
  Result<void> write(const OpContext& ctx, const google::protobuf::MessageLite& message);
  // One message already encoded, without the gRPC prefix.
  Result<void> write_raw(const OpContext& ctx, std::string message);
  // No more messages from us. Idempotent.
  void close_send();
  // False: the server ended the call with OK. An error that the server sent carries its code and message.
  Result<bool> read(const OpContext& ctx, google::protobuf::MessageLite& message);
  Result<std::optional<std::string>> read_raw(const OpContext& ctx);
  // Ends the call at once with kCancelled on both sides. Any thread.
  void cancel();

 private:
  std::shared_ptr<Stream> stream_;
};

class Channel final {
 public:
  // Takes the descriptor (made non-blocking) and starts the channel's thread. kInvalidArgument for bad
  // options.
  static Result<std::unique_ptr<Channel>> create(UniqueFd fd, ChannelOptions options);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  // Ends running calls with kUnavailable and closes the descriptor.
  ~Channel();

  // One request, one reply. `path` is "/package.Service/Method". The deadline travels as grpc-timeout and is
  // enforced here as well; cancelling ctx resets the stream.
  Result<void> call(const OpContext& ctx, std::string_view path, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite& reply);
  // A streaming call; ctx governs the whole call (deadline and cancel), not only its beginning.
  Result<std::unique_ptr<ClientStream>> open(const OpContext& ctx, std::string_view path,
                                             const Metadata& metadata = {});
  // False once the peer is gone or has said that it takes no more calls.
  bool usable() const;

 private:
  struct Impl;
  explicit Channel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove::rpc
