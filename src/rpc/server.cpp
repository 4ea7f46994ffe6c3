#include "rpc/server.h"

#include "base/check.h"
#include "rpc/connection.h"
#include "rpc/worker_pool.h"

namespace cove::rpc {

const std::string& ServerStream::path() const { return stream_.call.path; }

const Metadata& ServerStream::metadata() const { return stream_.call.metadata; }

Result<bool> ServerStream::read(const OpContext& ctx, google::protobuf::MessageLite& message) {
  return stream_.read(ctx, message);
}

Result<std::optional<std::string>> ServerStream::read_raw(const OpContext& ctx) { return stream_.read(ctx); }

bool ServerStream::complete() const { return stream_.complete(); }

bool ServerStream::at_end() const { return stream_.at_end(); }

void ServerStream::stop_reading() { stream_.stop_reading(); }

Result<void> ServerStream::write(const OpContext& ctx, const google::protobuf::MessageLite& message) {
  return stream_.write(ctx, COVE_TRY(encode_message(message, stream_.max_message())));
}

Result<void> ServerStream::write_raw(const OpContext& ctx, std::string message) {
  return stream_.write(ctx, std::move(message));
}

Result<void> ServerStream::write_last(const google::protobuf::MessageLite& message) {
  stream_.last = COVE_TRY(encode_message(message, stream_.max_message()));
  return {};
}

void Handlers::stream(std::string path, StreamHandler handler) {
  const bool added = methods_.emplace(std::move(path), std::move(handler)).second;
  COVE_CHECK(added);
}

void Handlers::fallback(StreamHandler handler) { fallback_ = std::move(handler); }

const StreamHandler* Handlers::find(const std::string& path) const {
  const auto found = methods_.find(path);
  if (found != methods_.end()) return &found->second;
  return fallback_ ? &fallback_ : nullptr;
}

namespace {

// The text comes from the peer and goes into a reply: only as much of it as helps.
Result<void> unknown_method(const std::string& path) {
  return Error(Code::kUnimplemented, "unknown method " + path.substr(0, 200));
}

void run_call(Connection& connection, Stream& stream, const Handlers& handlers) {
  const StreamHandler* handler = handlers.find(stream.call.path);
  ServerStream view(stream);
  connection.finish(stream, handler ? (*handler)(stream.call.ctx, view) : unknown_method(stream.call.path));
}

}  // namespace

Result<void> serve(const OpContext& ctx, UniqueFd fd, const Handlers& handlers,
                   const ServerOptions& options) {
  // Twice the streams: calls that were given up still occupy a thread until their handler notices.
  WorkerPool pool("rpc-call", std::size_t{options.limits.max_streams} * 2);
  std::weak_ptr<Connection> self;
  Connection::Options connection_options;
  connection_options.role = Role::kServer;
  connection_options.limits = options.limits;
  connection_options.base = ctx;
  connection_options.on_call = [&](std::shared_ptr<Stream> stream) {
    return pool.submit([connection = self.lock(), stream = std::move(stream), &handlers] {
      run_call(*connection, *stream, handlers);
    });
  };
  const auto connection = COVE_TRY(Connection::create(std::move(fd), std::move(connection_options)));
  self = connection;
  return connection->run(ctx);
}

}  // namespace cove::rpc
