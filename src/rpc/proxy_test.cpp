#include "rpc/proxy.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>

#include "base/testing/patience.h"
#include "proto/agent.pb.h"
#include "rpc/testing/loopback.h"

namespace cove::rpc {
namespace {

using testing::Loopback;
using vz::agent::v1::ReadFileRequest;
using vz::agent::v1::ReadFileResponse;

using cove::testing::patient;

Handlers guest_handlers(std::promise<Code>& hang_ended) {
  Handlers handlers;
  handlers.unary<ReadFileRequest, ReadFileResponse>(
      "/t.T/Echo",
      [](const OpContext&, const ReadFileRequest& request, ReadFileResponse& reply) -> Result<void> {
        if (request.path().empty()) return Error(Code::kNotFound, "no path");
        reply.set_data(request.path());
        return {};
      });
  handlers.stream("/t.T/Mirror", [](const OpContext& ctx, ServerStream& call) -> Result<void> {
    while (auto message = COVE_TRY(call.read_raw(ctx))) COVE_TRY(call.write_raw(ctx, *std::move(message)));
    return {};
  });
  // Speaks first, and ends without waiting for the client's end.
  handlers.stream("/t.T/Greet", [](const OpContext& ctx, ServerStream& call) -> Result<void> {
    COVE_TRY(call.write_raw(ctx, find_metadata(call.metadata(), "authorization").empty() ? "hello" : "leak"));
    COVE_TRY(call.read_raw(ctx));
    return Error(Code::kAborted, "bye");
  });
  handlers.stream("/t.T/Hang", [&](const OpContext& ctx, ServerStream& call) -> Result<void> {
    COVE_TRY(call.write_raw(ctx, "here"));
    const auto end = call.read_raw(ctx);
    hang_ended.set_value(end.ok() ? Code::kUnknown : end.error().code());
    return {};
  });
  return handlers;
}

// client -- front server with the proxy -- upstream channel -- guest server
struct Relay {
  explicit Relay(const std::string& token) {
    const auto upstream = [this](const OpContext&,
                                 std::string_view path) -> Result<std::shared_ptr<Channel>> {
      if (path.starts_with("/none.")) return Error(Code::kUnavailable, "no such agent");
      return std::shared_ptr<Channel>(&guest.channel(), [](Channel*) {});
    };
    front_methods.fallback(make_proxy({"secret", upstream}));
    ChannelOptions options;
    if (!token.empty()) options.metadata = {{"authorization", "Bearer " + token}};
    front.emplace(front_methods, options);
  }
  std::promise<Code> hang_ended;
  const Handlers guest_methods = guest_handlers(hang_ended);
  Loopback guest{guest_methods};
  Handlers front_methods;
  std::optional<Loopback> front;
};

Result<std::string> echo(Relay& relay, const std::string& text, std::string_view path = "/t.T/Echo") {
  ReadFileRequest request;
  request.set_path(text);
  ReadFileResponse reply;
  COVE_TRY(relay.front->channel().call(patient(), path, request, reply));
  return reply.data();
}

TEST(Proxy, PassesUnaryCallsAndErrors) {
  Relay relay("secret");
  EXPECT_EQ(echo(relay, "text").value(), "text");
  EXPECT_EQ(echo(relay, "").error().message(), "no path");
  EXPECT_EQ(echo(relay, "x", "/t.T/None").error().code(), Code::kUnimplemented);
  EXPECT_EQ(echo(relay, "x", "/none.T/None").error().code(), Code::kUnavailable);
}

TEST(Proxy, RefusesOtherTokens) {
  for (const char* token : {"", "Secret", "secre", "secret2"}) {
    Relay relay(token);
    EXPECT_EQ(echo(relay, "text").error().code(), Code::kUnauthenticated) << token;
  }
}

TEST(Proxy, PassesStreamsBothWays) {
  Relay relay("secret");
  auto stream = relay.front->channel().open(patient(), "/t.T/Mirror").value();
  constexpr std::size_t kCount = 300;
  Thread writer("writer", [&] {
    for (std::size_t i = 0; i < kCount; i++)
      EXPECT_TRUE(stream->write_raw(patient(), std::string(i * 997 % 200'000, 'm')).ok());
    stream->close_send();
  });
  for (std::size_t i = 0; i < kCount; i++) {
    const auto message = stream->read_raw(patient());
    ASSERT_TRUE(message.ok()) << message.error().message();
    ASSERT_EQ(message->value_or("").size(), i * 997 % 200'000);
  }
  EXPECT_FALSE(stream->read_raw(patient()).value().has_value());
}

TEST(Proxy, PassesServersThatSpeakAndEndFirst) {
  Relay relay("secret");
  auto stream = relay.front->channel().open(patient(), "/t.T/Greet").value();
  EXPECT_EQ(stream->read_raw(patient()).value().value_or(""), "hello");
  ASSERT_TRUE(stream->write_raw(patient(), "go").ok());
  EXPECT_EQ(stream->read_raw(patient()).error().message(), "bye");
}

TEST(Proxy, PassesCancellation) {
  Relay relay("secret");
  auto stream = relay.front->channel().open(patient(), "/t.T/Hang").value();
  EXPECT_EQ(stream->read_raw(patient()).value().value_or(""), "here");
  stream->cancel();
  EXPECT_EQ(relay.hang_ended.get_future().get(), Code::kCancelled);
}

TEST(Proxy, EndsCallsWhenTheGuestDies) {
  Relay relay("secret");
  auto stream = relay.front->channel().open(patient(), "/t.T/Mirror").value();
  ASSERT_TRUE(stream->write_raw(patient(), "x").ok());
  EXPECT_EQ(stream->read_raw(patient()).value().value_or(""), "x");
  relay.guest.stop_server();
  EXPECT_EQ(stream->read_raw(patient()).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace cove::rpc
