#include "control/control_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>

#include "base/files.h"
#include "base/guarded.h"
#include "base/io.h"
#include "base/loop_thread.h"
#include "base/testing/patience.h"
#include "base/unix_socket.h"
#include "control/control_client.h"
#include "proto/control.pb.h"

namespace cove {
namespace {

using testing::patient;
constexpr char kToken[] = "0123456789abcdef";

// Answers by verb: wait blocks until cancelled, agent-exec-stream sends two lines, console-attach hands over.
class FakeHandler final : public ControlHandler {
 public:
  Result<ControlResponse> handle(const OpContext& ctx, const Verb& verb, const ControlRequest& request,
                                 ControlReply& reply) override {
    handled++;
    ControlResponse response;
    switch (verb.id) {
      case VerbId::kWait:
        return block(ctx);
      case VerbId::kAgentExecStream:
        response.set_success(true);
        response.set_data("chunk");
        COVE_TRY(reply.send(response));
        response.set_data("done");
        return response;
      case VerbId::kAgentRead:
        response.set_data(std::string(1U << 20U, 'x'));
        return response;
      case VerbId::kAgentExec:
        response.mutable_agent_exec_result()->set_stdout("bad \xff bytes " + request.agent_exec().args(0));
        return response;
      case VerbId::kConsoleAttach:
        streams.with([&](auto& list) {
          auto stream = reply.become_stream(response);
          EXPECT_TRUE(stream.ok());
          list.push_back(std::move(stream).value());
        });
        return response;
      case VerbId::kStatus:
        response.mutable_status()->set_state("running");
        response.mutable_status_detail()->set_name("x");
        return response;
      case VerbId::kStop: {
        // Answers once released, as a stop does when the machine has gone.
        blocked.with([](int& count) { count++; });
        COVE_TRY(released.wait(ctx, [](const bool& yes) { return yes; }));
        response.set_data("stopped");
        return response;
      }
      case VerbId::kPause:
        return Error(Code::kFailedPrecondition, "cannot pause VM in state: stopped").hint("start it");
      default:
        response.set_data("pong");
        response.mutable_message()->set_message("pong");
        return response;
    }
  }
  Result<ControlResponse> block(const OpContext& ctx) {
    blocked.with([](int& count) { count++; });
    const auto ended = wait_ready(ctx, -1, Ready::kRead);
    blocked.with([](int& count) { count--; });
    return ended.error();
  }

  std::atomic<int> handled{0};
  Guarded<int> blocked{0};
  Guarded<bool> released{false};
  Guarded<std::vector<RawStream>> streams;
};

class ControlServerTest : public ::testing::Test {
 protected:
  void start(ControlServerOptions options = {}) {
    options.socket = vm_.control_socket();
    options.token = kToken;
    server_ = loop_.do_on_loop([&] { return ControlServer::start(loop_.loop(), options, handler_); }).value();
  }
  void SetUp() override {
    ASSERT_TRUE(make_directories(vm_.path(), 0700).ok());
    ASSERT_TRUE(write_file_atomic(vm_.token_path(), std::string(kToken) + "\n", 0600).ok());
  }
  void TearDown() override {
    loop_.do_on_loop([this] { server_.reset(); });
  }
  UniqueFd dial() { return connect_unix(patient(), vm_.control_socket()).value(); }
  std::string ask(int fd, const std::string& text) {
    EXPECT_TRUE(write_all(patient(), fd, text).ok());
    return read_line(fd);
  }
  std::string read_line(int fd) {
    LineReader reader(std::size_t{64} << 20U);
    auto line = reader.next(patient(), fd);
    return line.ok() && line.value() ? *line.value() : "<end>";
  }
  std::size_t connections() {
    return loop_.do_on_loop([this] { return server_->connections(); });
  }
  // The server notices on its own threads; bounded, and each turn waits for the loop to have a go.
  bool connections_become(std::size_t count) {
    for (int i = 0; i < 2000; ++i) {
      if (connections() == count) return true;
      static_cast<void>(wait_ready(OpContext{}.with_timeout(std::chrono::milliseconds(5)), -1, Ready::kRead));
    }
    return false;
  }

  TempDir folder_ = TempDir::create("/tmp", "control-test").value();
  VmDirectory vm_{Home(folder_.path()), VmName::parse("vm").value()};
  FakeHandler handler_;
  LoopThread loop_;
  std::unique_ptr<ControlServer> server_;
};

constexpr char kPong[] = R"({"success":true,"data":"pong","message":{"message":"pong"}})";

TEST_F(ControlServerTest, AnswersPingAndKeepsTheConnection) {
  start();
  const UniqueFd fd = dial();
  EXPECT_EQ(ask(fd.get(), R"({"type":"ping","auth_token":"0123456789abcdef"})"
                          "\n"),
            kPong);
  EXPECT_EQ(ask(fd.get(), R"({"type":"ping","token":" 0123456789abcdef "})"
                          "\n"),
            kPong);
  EXPECT_EQ(ask(fd.get(), R"({"type":"ping","authToken":"0123456789abcdef"})"
                          "\n"),
            kPong);
}

TEST_F(ControlServerTest, SocketIsPrivateAndRemovedAtTheEnd) {
  start();
  struct stat status {};
  ASSERT_EQ(::stat(vm_.control_socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  loop_.do_on_loop([this] { server_.reset(); });
  EXPECT_FALSE(path_exists(vm_.control_socket()));
}

TEST_F(ControlServerTest, ReplacesAStaleSocket) {
  { const UniqueFd stale = listen_unix(vm_.control_socket(), 1).value(); }
  EXPECT_EQ(connect_unix(patient(), vm_.control_socket()).error().error_number(), ECONNREFUSED);
  start();
  EXPECT_EQ(ask(dial().get(), R"({"type":"ping","token":"0123456789abcdef"})"
                              "\n"),
            kPong);
}

TEST_F(ControlServerTest, EmptyTokenIsFatal) {
  ControlServerOptions options;
  options.socket = vm_.control_socket();
  const auto server = loop_.do_on_loop([&] { return ControlServer::start(loop_.loop(), options, handler_); });
  EXPECT_EQ(server.error().code(), Code::kFailedPrecondition);
}

TEST_F(ControlServerTest, RefusesStrangersAndClosesAfterThree) {
  start();
  const UniqueFd fd = dial();
  EXPECT_EQ(ask(fd.get(), R"({"type":"ping"})"
                          "\n"),
            R"({"error":"unauthorized"})");
  EXPECT_EQ(ask(fd.get(), R"({"type":"ping","auth_token":"wrong"})"
                          "\n"),
            R"({"error":"unauthorized"})");
  EXPECT_EQ(ask(fd.get(), "}{\n").rfind(R"({"error":"invalid JSON: )", 0), 0U);
  EXPECT_EQ(read_line(fd.get()), "<end>");
  EXPECT_EQ(handler_.handled, 0);
}

TEST_F(ControlServerTest, ServesPipelinedRequestsInOrder) {
  start();
  const UniqueFd fd = dial();
  const std::string text = R"({"type":"ping","token":"0123456789abcdef"})"
                           "\n\n  \n"
                           R"({"type":"pause","token":"0123456789abcdef"})"
                           "\n"
                           R"({"type":"status","token":"0123456789abcdef"})"
                           "\n";
  ASSERT_TRUE(write_all(patient(), fd.get(), text).ok());
  LineReader reader(1U << 20U);
  EXPECT_EQ(reader.next(patient(), fd.get()).value().value(), kPong);
  EXPECT_EQ(reader.next(patient(), fd.get()).value().value(),
            R"({"error":"cannot pause VM in state: stopped"})");
  EXPECT_EQ(reader.next(patient(), fd.get()).value().value(),
            R"({"success":true,"status":{"state":"running"}})");
}

TEST_F(ControlServerTest, AnswersAClientThatClosedItsSendingHalf) {
  start();
  const UniqueFd fd = dial();
  ASSERT_TRUE(write_all(patient(), fd.get(), R"({"type":"ping","token":"0123456789abcdef"})").ok());
  ::shutdown(fd.get(), SHUT_WR);
  LineReader reader(1U << 20U);
  EXPECT_EQ(reader.next(patient(), fd.get()).value().value(), kPong);
  EXPECT_FALSE(reader.next(patient(), fd.get()).value().has_value());
}

TEST_F(ControlServerTest, OverlongLineIsRefusedAndCloses) {
  start();
  const UniqueFd fd = dial();
  const Thread writer("writer", [&] {
    static_cast<void>(write_all(patient(), fd.get(), std::string((1U << 20U) + 20000, 'x')));
  });
  EXPECT_EQ(read_line(fd.get()), R"({"error":"read request: bufio.Scanner: token too long"})");
}

TEST_F(ControlServerTest, ConnectionsBeyondTheLimitWait) {
  ControlServerOptions options;
  options.max_connections = 2;
  start(options);
  std::vector<UniqueFd> clients;
  clients.reserve(7);
  for (int i = 0; i < 7; ++i) clients.push_back(dial());
  for (auto& client : clients) {
    EXPECT_EQ(ask(client.get(), "{\"type\":\"ping\",\"token\":\"0123456789abcdef\"}\n"), kPong);
    EXPECT_LE(connections(), 2U);
    client.reset();
  }
}

TEST_F(ControlServerTest, HangUpCancelsWorkThatOnlyTheClientWanted) {
  start();
  UniqueFd fd = dial();
  ASSERT_TRUE(write_all(patient(), fd.get(),
                        R"({"type":"wait","token":"0123456789abcdef","wait":{}})"
                        "\n")
                  .ok());
  ASSERT_TRUE(handler_.blocked.wait(patient(), [](int count) { return count == 1; }).ok());
  fd.reset();
  EXPECT_TRUE(handler_.blocked.wait(patient(), [](int count) { return count == 0; }).ok());
  EXPECT_TRUE(connections_become(0));
}

TEST_F(ControlServerTest, EndsWithHandlersStillAtWork) {
  start();
  const UniqueFd fd = dial();
  ASSERT_TRUE(write_all(patient(), fd.get(),
                        R"({"type":"wait","token":"0123456789abcdef","wait":{}})"
                        "\n")
                  .ok());
  ASSERT_TRUE(handler_.blocked.wait(patient(), [](int count) { return count == 1; }).ok());
  loop_.do_on_loop([this] { server_.reset(); });
  EXPECT_EQ(handler_.blocked.read([](int count) { return count; }), 0);
}

TEST_F(ControlServerTest, IdleConnectionsAreClosed) {
  ControlServerOptions options;
  options.idle = std::chrono::milliseconds(30);
  start(options);
  const UniqueFd fd = dial();
  EXPECT_EQ(read_line(fd.get()), "<end>");
}

TEST_F(ControlServerTest, ClientThatDoesNotReadIsGivenUp) {
  ControlServerOptions options;
  options.write_limit = std::chrono::milliseconds(50);
  start(options);
  const UniqueFd fd = dial();
  ASSERT_TRUE(write_all(patient(), fd.get(),
                        R"({"type":"agent-read","token":"0123456789abcdef","agent_read":{}})"
                        "\n")
                  .ok());
  EXPECT_TRUE(connections_become(1));
  EXPECT_TRUE(connections_become(0));
}

TEST_F(ControlServerTest, BadBytesAndBadErrorsStillGetAnAnswer) {
  start();
  const UniqueFd fd = dial();
  EXPECT_EQ(ask(fd.get(), R"({"type":"agent-exec","token":"0123456789abcdef","args":["\u00e4"]})"
                          "\n"),
            "{\"success\":true,\"agent_exec_result\":{\"stdout\":\"bad \xef\xbf\xbd bytes \xc3\xa4\"}}");
  EXPECT_EQ(ask(fd.get(), R"({"type":"agent-exec","token":"0123456789abcdef"})"
                          "\n"),
            R"({"error":"missing agent-exec command payload"})");
}

TEST_F(ControlServerTest, ClientGetsErrorsWithCodeAndHint) {
  start();
  auto client = ControlClient::connect(patient(), vm_).value();
  ControlRequest request;
  request.set_type("pause");
  const auto response = client.call(patient(), request);
  EXPECT_EQ(response.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(response.error().hint_text(), "start it");
  request.set_type("status");
  EXPECT_EQ(client.call(patient(), request)->status_detail().name(), "x");
}

TEST_F(ControlServerTest, ClientStreams) {
  start();
  auto client = ControlClient::connect(patient(), vm_).value();
  ControlRequest request;
  request.set_type("agent-exec-stream");
  request.mutable_agent_exec()->add_args("true");
  EXPECT_EQ(client.call(patient(), request)->data(), "chunk");
  EXPECT_EQ(client.next(patient())->data(), "done");
}

TEST_F(ControlServerTest, ConnectionBecomesBytes) {
  start();
  const UniqueFd fd = dial();
  const std::string first = ask(fd.get(), R"({"type":"console-attach","token":"0123456789abcdef"})"
                                          "\nearly");
  EXPECT_EQ(first, R"({"success":true})");
  EXPECT_TRUE(connections_become(0));
  handler_.streams.with([](std::vector<RawStream>& list) {
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].early, "early");
    ASSERT_TRUE(write_all(patient(), list[0].fd.get(), "console").ok());
    list.clear();
  });
  EXPECT_EQ(read_to_end(patient(), fd.get(), 100).value(), "console");
}

// A refused or missing socket says nothing by itself: the run lock and the files tell what the VM is doing.
TEST_F(ControlServerTest, DrainingAnswersWhatIsUnderWayAndTakesNothingNew) {
  start();
  const UniqueFd idle = dial();
  const UniqueFd busy = dial();
  const std::string stop = std::string(R"({"type":"stop","authToken":")") + kToken + "\"}\n";
  ASSERT_TRUE(write_all(patient(), busy.get(), stop).ok());
  ASSERT_TRUE(handler_.blocked.wait(patient(), [](const int& count) { return count == 1; }).ok());

  Guarded<int> drained{0};
  loop_.do_on_loop(
      [&] { server_->drain(std::chrono::minutes(1), [&] { drained.with([](int& count) { count++; }); }); });
  EXPECT_EQ(read_line(idle.get()), "<end>");
  EXPECT_FALSE(connect_unix(patient(), vm_.control_socket()).ok());
  EXPECT_TRUE(connections_become(1));
  EXPECT_EQ(drained.read([](int count) { return count; }), 0);
  handler_.released.with([](bool& yes) { yes = true; });
  EXPECT_NE(read_line(busy.get()).find("stopped"), std::string::npos);
  EXPECT_TRUE(drained.wait(patient(), [](const int& count) { return count == 1; }).ok());
}

TEST_F(ControlServerTest, DrainingIsGivenUpAfterItsLimit) {
  start();
  const UniqueFd busy = dial();
  const std::string stop = std::string(R"({"type":"stop","authToken":")") + kToken + "\"}\n";
  ASSERT_TRUE(write_all(patient(), busy.get(), stop).ok());
  ASSERT_TRUE(handler_.blocked.wait(patient(), [](const int& count) { return count == 1; }).ok());
  Guarded<bool> drained{false};
  loop_.do_on_loop([&] {
    server_->drain(std::chrono::milliseconds(10), [&] { drained.with([](bool& yes) { yes = true; }); });
  });
  EXPECT_TRUE(drained.wait(patient(), [](const bool& yes) { return yes; }).ok());
  loop_.do_on_loop([this] { server_.reset(); });
  EXPECT_NE(read_line(busy.get()).find("cancelled"), std::string::npos);
}

}  // namespace
}  // namespace cove
