// serve(): a gRPC server on one connected stream descriptor. It runs on the calling thread until the peer
// leaves; handlers run on threads that are started as calls need them. ServerStream is a handler's view of
// its call.
#pragma once

#include <functional>
#include <map>
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

class Stream;

// Lives while its handler runs. One thread may write while another reads.
class ServerStream final {
 public:
  explicit ServerStream(Stream& stream) : stream_(stream) {}
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;

  const std::string& path() const;
  // What the client sent besides the reserved headers; "authorization" is here.
  const Metadata& metadata() const;

  // False: the client has sent its last message. kCancelled: the client gave up; kUnavailable: it is gone.
  Result<bool> read(const OpContext& ctx, google::protobuf::MessageLite& message);
  Result<std::optional<std::string>> read_raw(const OpContext& ctx);
  // True once the client has sent its last message, be it read or not.
  bool complete() const;
  // True once all of them are read as well: read() would give false at once.
  bool at_end() const;
  // What the client still sends is of no interest: read() fails with kCancelled, in other threads too.
  void stop_reading();
  // Waits while too much is under way.
  Result<void> write(const OpContext& ctx, const google::protobuf::MessageLite& message);
  Result<void> write_raw(const OpContext& ctx, std::string message);
  // The last message: it leaves together with the status when the handler returns, and never waits.
  Result<void> write_last(const google::protobuf::MessageLite& message);

 private:
  Stream& stream_;
};

// What it returns is the call's status. ctx carries the client's deadline and fires when the client gives up
// or is gone; a handler must then return soon, because the connection waits for it.
using StreamHandler = std::function<Result<void>(const OpContext& ctx, ServerStream& stream)>;

class Handlers final {
 public:
  // `path` is "/package.Service/Method"; a path is given once.
  void stream(std::string path, StreamHandler handler);
  // Exactly one request and one reply.
  template <typename Request, typename Reply>
  void unary(const std::string& path,
             std::function<Result<void>(const OpContext&, const Request&, Reply&)> handler) {
    stream(path, [run = std::move(handler)](const OpContext& ctx, ServerStream& call) -> Result<void> {
      Request request;
      if (!COVE_TRY(call.read(ctx, request))) return Error(Code::kInternal, "the request message is missing");
      Reply reply;
      COVE_TRY(run(ctx, request, reply));
      return call.write_last(reply);
    });
  }
  // Exactly one request, then replies written to the stream.
  template <typename Request>
  void server_streaming(
      const std::string& path,
      std::function<Result<void>(const OpContext&, const Request&, ServerStream&)> handler) {
    stream(path, [run = std::move(handler)](const OpContext& ctx, ServerStream& call) -> Result<void> {
      Request request;
      if (!COVE_TRY(call.read(ctx, request))) return Error(Code::kInternal, "the request message is missing");
      return run(ctx, request, call);
    });
  }
  // For every path without a handler; without it such calls end with kUnimplemented.
  void fallback(StreamHandler handler);

  const StreamHandler* find(const std::string& path) const;

 private:
  std::map<std::string, StreamHandler> methods_;
  StreamHandler fallback_;
};

struct ServerOptions {
  Limits limits;
};

// Serves until the peer closes (OK), breaks the protocol or the descriptor fails (an error), or ctx ends (its
// error). All handlers have returned by then. `handlers` is borrowed and must not change meanwhile.
Result<void> serve(const OpContext& ctx, UniqueFd fd, const Handlers& handlers,
                   const ServerOptions& options = {});

}  // namespace cove::rpc
