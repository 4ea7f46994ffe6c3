#include "rpc/channel.h"

#include "base/thread.h"
#include "rpc/connection.h"
#include "rpc/grpc_wire.h"

namespace cove::rpc {

ClientStream::ClientStream(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

ClientStream::~ClientStream() {
  if (!stream_->ended()) cancel();
}

Result<void> ClientStream::write(const OpContext& ctx, const google::protobuf::MessageLite& message) {
  return stream_->write(ctx, COVE_TRY(encode_message(message, stream_->max_message())));
}

Result<void> ClientStream::write_raw(const OpContext& ctx, std::string message) {
  return stream_->write(ctx, std::move(message));
}

void ClientStream::close_send() { stream_->connection().close_send(*stream_); }

Result<bool> ClientStream::read(const OpContext& ctx, google::protobuf::MessageLite& message) {
  return stream_->read(ctx, message);
}

Result<std::optional<std::string>> ClientStream::read_raw(const OpContext& ctx) { return stream_->read(ctx); }

void ClientStream::cancel() {
  stream_->connection().reset(*stream_, Error(Code::kCancelled, "the call was cancelled"));
}

struct Channel::Impl {
  ChannelOptions options;
  std::shared_ptr<Connection> connection;
  Thread thread;

  Connection::Opening opening(const OpContext& ctx, std::string_view path, const Metadata& metadata) const {
    Connection::Opening opening;
    opening.call = {std::string(path), {}, ctx};
    opening.headers = {{":method", "POST"},
                       {":scheme", "http"},
                       {":path", std::string(path)},
                       {":authority", options.authority},
                       {"te", "trailers"},
                       {"content-type", "application/grpc"},
                       {"user-agent", options.user_agent}};
    if (const auto left = ctx.deadline.remaining())
      opening.headers.emplace_back("grpc-timeout", format_timeout(*left));
    opening.headers.insert(opening.headers.end(), options.metadata.begin(), options.metadata.end());
    opening.headers.insert(opening.headers.end(), metadata.begin(), metadata.end());
    return opening;
  }
};

Channel::Channel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Channel>> Channel::create(UniqueFd fd, ChannelOptions options) {
  COVE_TRY(check_metadata(options.metadata));
  Connection::Options connection_options;
  connection_options.role = Role::kClient;
  connection_options.limits = options.limits;
  auto impl = std::make_unique<Impl>();
  impl->connection = COVE_TRY(Connection::create(std::move(fd), std::move(connection_options)));
  impl->options = std::move(options);
  // The end of the connection is told to every call, so run()'s result has no further reader.
  impl->thread =
      Thread("rpc-channel", [connection = impl->connection] { static_cast<void>(connection->run({})); });
  return std::unique_ptr<Channel>(new Channel(std::move(impl)));
}

Channel::~Channel() {
  impl_->connection->stop(Error(Code::kUnavailable, "the channel was closed"));
  impl_->thread.join();
}

Result<void> Channel::call(const OpContext& ctx, std::string_view path,
                           const google::protobuf::MessageLite& request,
                           google::protobuf::MessageLite& reply) {
  COVE_TRY(ctx.check());
  auto opening = impl_->opening(ctx, path, {});
  opening.only_message = COVE_TRY(encode_message(request, impl_->options.limits.max_message));
  ClientStream stream(COVE_TRY(impl_->connection->open(std::move(opening))));
  if (!COVE_TRY(stream.read(ctx, reply))) return Error(Code::kInternal, "the reply message is missing");
  if (COVE_TRY(stream.read_raw(ctx))) return Error(Code::kInternal, "more than one reply message");
  return {};
}

Result<std::unique_ptr<ClientStream>> Channel::open(const OpContext& ctx, std::string_view path,
                                                    const Metadata& metadata) {
  COVE_TRY(ctx.check());
  COVE_TRY(check_metadata(metadata));
  return std::make_unique<ClientStream>(
      COVE_TRY(impl_->connection->open(impl_->opening(ctx, path, metadata))));
}

bool Channel::usable() const { return impl_->connection->usable(); }

}  // namespace cove::rpc
