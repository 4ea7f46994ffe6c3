// What a call does when both sides behave: unary, streams, deadlines, cancellation, metadata, errors.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>

#include "base/testing/patience.h"
#include "proto/agent.pb.h"
#include "rpc/testing/loopback.h"

namespace cove::rpc {
namespace {

using testing::Loopback;
using vz::agent::v1::CopyInChunk;
using vz::agent::v1::ReadFileRequest;
using vz::agent::v1::ReadFileResponse;

using cove::testing::patient;

Handlers echo_handlers() {
  Handlers handlers;
  handlers.unary<ReadFileRequest, ReadFileResponse>(
      "/t.T/Echo",
      [](const OpContext&, const ReadFileRequest& request, ReadFileResponse& reply) -> Result<void> {
        reply.set_data(request.path());
        reply.set_size(request.path().size());
        return {};
      });
  handlers.unary<ReadFileRequest, ReadFileResponse>(
      "/t.T/Fail", [](const OpContext&, const ReadFileRequest& request, ReadFileResponse&) -> Result<void> {
        return Error(Code::kNotFound, "stat " + request.path() + ": 100% \xc3\xa4 missing\n");
      });
  handlers.unary<ReadFileRequest, ReadFileResponse>(
      "/t.T/Wait", [](const OpContext& ctx, const ReadFileRequest&, ReadFileResponse&) -> Result<void> {
        return wait_ready(ctx, ctx.cancel.fd(), Ready::kRead);
      });
  handlers.server_streaming<ReadFileRequest>(
      "/t.T/Count",
      [](const OpContext& ctx, const ReadFileRequest& request, ServerStream& out) -> Result<void> {
        for (std::uint64_t i = 0; i < request.limit(); i++) {
          ReadFileResponse reply;
          reply.set_size(i);
          reply.set_data(std::string(request.offset(), 'x'));
          COVE_TRY(out.write(ctx, reply));
        }
        return {};
      });
  handlers.stream("/t.T/Mirror", [](const OpContext& ctx, ServerStream& call) -> Result<void> {
    while (auto message = COVE_TRY(call.read_raw(ctx))) COVE_TRY(call.write_raw(ctx, *std::move(message)));
    return {};
  });
  handlers.stream("/t.T/Sum", [](const OpContext& ctx, ServerStream& call) -> Result<void> {
    ReadFileResponse total;
    CopyInChunk chunk;
    while (COVE_TRY(call.read(ctx, chunk))) total.set_size(total.size() + chunk.data().size());
    return call.write_last(total);
  });
  handlers.stream("/t.T/Metadata", [](const OpContext&, ServerStream& call) -> Result<void> {
    return Error(Code::kAborted, std::string(find_metadata(call.metadata(), "authorization")) + "|" +
                                     std::string(find_metadata(call.metadata(), "x-extra")));
  });
  return handlers;
}

Result<std::string> echo(Channel& channel, const std::string& text) {
  ReadFileRequest request;
  request.set_path(text);
  ReadFileResponse reply;
  COVE_TRY(channel.call(patient(), "/t.T/Echo", request, reply));
  return reply.data();
}

TEST(Call, AnswersUnary) {
  const Handlers handlers = echo_handlers();
  Loopback loop(handlers);
  for (const std::size_t size : {0U, 1U, 5000U, 1U << 20, 5U << 20}) {
    const auto answer = echo(loop.channel(), std::string(size, 'a'));
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(*answer, std::string(size, 'a'));
  }
  EXPECT_TRUE(loop.close().ok());
}

TEST(Call, PassesErrorsWithTheirText) {
  const Handlers handlers = echo_handlers();
  Loopback loop(handlers);
  ReadFileRequest request;
  request.set_path("/x");
  ReadFileResponse reply;
  const auto failed = loop.channel().call(patient(), "/t.T/Fail", request, reply);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), Code::kNotFound);
  EXPECT_EQ(failed.error().message(), "stat /x: 100% \xc3\xa4 missing\n");
  const auto unknown = loop.channel().call(patient(), "/t.T/Nothing", request, reply);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), Code::kUnimplemented);
}

TEST(Call, PassesMetadata) {
  const Handlers handlers = echo_handlers();
  ChannelOptions options;
  options.metadata = {{"authorization", "Bearer t"}};
  Loopback loop(handlers, options);
  const auto stream = loop.channel().open(patient(), "/t.T/Metadata", {{"x-extra", "1"}});
  ASSERT_TRUE(stream.ok());
  const auto end = (*stream)->read_raw(patient());
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().message(), "Bearer t|1");
  EXPECT_EQ(loop.channel().open(patient(), "/t.T/Metadata", {{"grpc-status", "0"}}).error().code(),
            Code::kInvalidArgument);
}

TEST(Call, StreamsReplies) {
  const Handlers handlers = echo_handlers();
  Loopback loop(handlers);
  auto stream = loop.channel().open(patient(), "/t.T/Count").value();
  ReadFileRequest request;
  request.set_limit(20000);
  request.set_offset(100);
  ASSERT_TRUE(stream->write(patient(), request).ok());
  stream->close_send();
  std::uint64_t count = 0;
  ReadFileResponse reply;
  for (;;) {
    const auto more = stream->read(patient(), reply);
    ASSERT_TRUE(more.ok()) << more.error().message();
    if (!*more) break;
    ASSERT_EQ(reply.size(), count++);
  }
  EXPECT_EQ(count, 20000U);
}

TEST(Call, StreamsRequestsUntilHalfClose) {
  const Handlers handlers = echo_handlers();
  Loopback loop(handlers);
  auto stream = loop.channel().open(patient(), "/t.T/Sum").value();
  CopyInChunk chunk;
  chunk.set_data(std::string(100'000, 'y'));
  for (int i = 0; i < 300; i++) ASSERT_TRUE(stream->write(patient(), chunk).ok());
  stream->close_send();
  ReadFileResponse total;
  ASSERT_TRUE(stream->read(patient(), total).value());
  EXPECT_EQ(total.size(), 30'000'000U);
  EXPECT_FALSE(stream->read(patient(), total).value());
}

// Writer and reader at once, more than all windows together, messages from empty to larger than the window.
TEST(Call, MirrorsBothWaysAtOnce) {
  const Handlers handlers = echo_handlers();
  ChannelOptions options;
  options.limits.stream_window = 65535;
  ServerOptions server_options;
  server_options.limits.stream_window = 65535;
  Loopback loop(handlers, options, server_options);
  auto stream = loop.channel().open(patient(), "/t.T/Mirror").value();
  const auto message = [](std::size_t i) {
    return std::string(i % 40 == 7 ? 3'000'000 : i * 7919 % 70'000, static_cast<char>(i));
  };
  constexpr std::size_t kCount = 400;
  Thread writer("writer", [&] {
    for (std::size_t i = 0; i < kCount; i++) EXPECT_TRUE(stream->write_raw(patient(), message(i)).ok());
    stream->close_send();
  });
  for (std::size_t i = 0; i < kCount; i++) {
    const auto got = stream->read_raw(patient());
    ASSERT_TRUE(got.ok()) << got.error().message();
    ASSERT_TRUE(got->has_value());
    ASSERT_TRUE(**got == message(i)) << i;
  }
  EXPECT_FALSE(stream->read_raw(patient()).value().has_value());
}

TEST(Call, HoldsBackAWriterWhoseReaderDoesNotRead) {
  Handlers handlers;
  CancelSource go;
  handlers.stream("/t.T/Slow", [&](const OpContext& ctx, ServerStream& call) -> Result<void> {
    COVE_TRY(wait_ready(ctx, go.token().fd(), Ready::kRead));
    while (COVE_TRY(call.read_raw(ctx))) continue;
    return {};
  });
  Loopback loop(handlers);
  auto stream = loop.channel().open(patient(), "/t.T/Slow").value();
  const std::string block(64 << 10, 'b');
  std::size_t accepted = 0;
  const auto brief = [] { return OpContext{}.with_timeout(std::chrono::milliseconds(300)); };
  while (stream->write_raw(brief(), block).ok()) accepted += block.size();
  EXPECT_LT(accepted, 8U << 20) << "unread bytes must not pile up";
  // Another call is not held up by the one that nobody reads.
  EXPECT_EQ(loop.channel().open(patient(), "/t.T/None").value()->read_raw(patient()).error().code(),
            Code::kUnimplemented);
  go.cancel();
  ASSERT_TRUE(stream->write_raw(patient(), block).ok()) << "a wait that timed out leaves the call as it was";
  stream->close_send();
  EXPECT_FALSE(stream->read_raw(patient()).value().has_value());
}

TEST(Call, EndsAtItsDeadlineOnBothSides) {
  Handlers handlers;
  std::promise<Error> seen;
  handlers.stream("/t.T/Wait", [&](const OpContext& ctx, ServerStream& call) -> Result<void> {
    auto end = call.read_raw(ctx);
    auto error = end.ok() ? Error(Code::kUnknown, "no error") : end.error();
    seen.set_value(error);
    return error;
  });
  Loopback loop(handlers);
  ReadFileResponse reply;
  const OpContext soon = OpContext{}.with_timeout(std::chrono::milliseconds(100));
  auto stream = loop.channel().open(soon, "/t.T/Wait").value();
  EXPECT_EQ(stream->read(patient(), reply).error().code(), Code::kDeadlineExceeded);
  const Code at_server = seen.get_future().get().code();
  EXPECT_TRUE(at_server == Code::kDeadlineExceeded || at_server == Code::kCancelled);
}

TEST(Call, CancelReachesTheHandler) {
  Handlers handlers;
  std::promise<void> started;
  std::promise<Code> seen;
  handlers.stream("/t.T/Wait", [&](const OpContext& ctx, ServerStream&) -> Result<void> {
    started.set_value();
    auto ended = wait_ready(ctx, ctx.cancel.fd(), Ready::kRead);
    seen.set_value(ctx.cancel.cancelled() ? Code::kCancelled : Code::kUnknown);
    return ended;
  });
  Loopback loop(handlers);
  const CancelSource cancel;
  Thread canceller("canceller", [&] {
    started.get_future().wait();
    cancel.cancel();
  });
  ReadFileRequest request;
  ReadFileResponse reply;
  const auto ended = loop.channel().call({cancel.token(), {}}, "/t.T/Wait", request, reply);
  EXPECT_EQ(ended.error().code(), Code::kCancelled);
  EXPECT_EQ(seen.get_future().get(), Code::kCancelled);
}

TEST(Call, RefusesMessagesBeyondTheLimit) {
  const Handlers handlers = echo_handlers();
  ServerOptions options;
  options.limits.max_message = 1000;
  Loopback loop(handlers, {}, options);
  EXPECT_TRUE(echo(loop.channel(), std::string(900, 'a')).ok());
  EXPECT_EQ(echo(loop.channel(), std::string(5'000'000, 'a')).error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(echo(loop.channel(), "still there").ok());
}

TEST(Call, RunsManyAtOnce) {
  const Handlers handlers = echo_handlers();
  Loopback loop(handlers);
  std::vector<Thread> threads;
  threads.reserve(100);
  for (int t = 0; t < 100; t++) {
    threads.emplace_back("caller", [&, t] {
      for (int i = 0; i < 20; i++) {
        const std::string text = std::to_string(t * 1000 + i);
        const auto answer = echo(loop.channel(), text);
        ASSERT_TRUE(answer.ok()) << answer.error().message();
        EXPECT_EQ(*answer, text);
      }
    });
  }
}

}  // namespace
}  // namespace cove::rpc
