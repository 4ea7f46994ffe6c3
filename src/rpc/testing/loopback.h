// Loopback: a server and a channel on the two ends of a socketpair, for tests and measurements. Owned by the
// test.
#pragma once

#include "base/io.h"
#include "base/thread.h"
#include "rpc/channel.h"
#include "rpc/server.h"

namespace cove::rpc::testing {

class Loopback final {
 public:
  explicit Loopback(const Handlers& handlers, ChannelOptions channel_options = {},
                    ServerOptions server_options = {}) {
    auto [client, server] = make_socketpair(SOCK_STREAM).value();
    server_ = Thread("loopback",
                     [this, &handlers, server_options, fd = std::make_shared<UniqueFd>(std::move(server))] {
                       served_ = serve({stop_.token(), {}}, std::move(*fd), handlers, server_options);
                     });
    channel_ = Channel::create(std::move(client), std::move(channel_options)).value();
  }
  ~Loopback() { static_cast<void>(close()); }

  Channel& channel() { return *channel_; }
  void stop_server() { stop_.cancel(); }
  // Closes the channel and gives what serve() returned.
  Result<void> close() {
    channel_.reset();
    server_.join();
    return served_;
  }

 private:
  CancelSource stop_;
  Result<void> served_;
  Thread server_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace cove::rpc::testing
