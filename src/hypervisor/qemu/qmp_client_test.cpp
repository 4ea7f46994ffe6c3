#include "hypervisor/qemu/qmp_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>

#include "base/io.h"

namespace cove {
namespace {

constexpr std::string_view kGreeting =
    "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":22,\"minor\":2,\"major\":7}},\"capabilities\":[]}}\r\n";

// The test is QEMU: it reads commands off its end and writes what it likes.
class QmpClientTest : public testing::Test {
 protected:
  void SetUp() override {
    loop_->run_one(std::chrono::milliseconds(0));
    auto pair = make_socketpair(SOCK_STREAM);
    ASSERT_TRUE(pair.ok());
    qemu_ = std::move(pair->second);
    client_ = std::make_unique<QmpClient>(
        *loop_, std::move(pair->first),
        QmpClient::Handlers{.on_event = [this](const QmpEvent& event) { events_.push_back(event.name); },
                            .on_closed = [this](const Error& error) { closed_.push_back(error.code()); }});
  }
  void await(const std::function<bool()>& condition) {
    const auto limit = Deadline::after(std::chrono::seconds(5));
    while (!condition() && !limit.expired()) loop_->run_one(std::chrono::milliseconds(10));
    ASSERT_TRUE(condition());
  }
  void say(std::string_view text) {
    ASSERT_EQ(::send(qemu_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string hear() {
    std::string bytes(65536, '\0');
    const ssize_t count = ::recv(qemu_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }
  Done<Json> keep(std::optional<Result<Json>>& slot) {
    return [&slot](Result<Json> result) {
      ASSERT_FALSE(slot.has_value()) << "answered twice";
      slot = std::move(result);
    };
  }

  std::unique_ptr<EventLoop> loop_ = make_event_loop();
  UniqueFd qemu_;
  std::unique_ptr<QmpClient> client_;
  std::vector<std::string> events_;
  std::vector<Code> closed_;
};

TEST_F(QmpClientTest, Negotiates) {
  std::optional<Result<std::string>> version;
  client_->negotiate(std::chrono::seconds(5),
                     [&](Result<std::string> result) { version = std::move(result); });
  say(kGreeting);
  std::string heard;
  await([&] { return !(heard += hear()).empty(); });
  EXPECT_EQ(heard, "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n");
  EXPECT_FALSE(version.has_value());
  say("{\"return\":{},\"id\":1}\r\n");
  await([&] { return version.has_value(); });
  EXPECT_EQ(**version, "7.2.22");
}

TEST_F(QmpClientTest, ASilentQemuFailsTheGreeting) {
  std::optional<Result<std::string>> version;
  client_->negotiate(std::chrono::milliseconds(20),
                     [&](Result<std::string> result) { version = std::move(result); });
  await([&] { return version.has_value(); });
  EXPECT_EQ(version->error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(closed_.size(), 1U);
}

TEST_F(QmpClientTest, MatchesAnswersByIdWhateverTheirOrder) {
  std::optional<Result<Json>> first;
  std::optional<Result<Json>> second;
  client_->execute("a", {}, keep(first));
  client_->execute("b", Json::object({{"x", 1}}), keep(second));
  say("{\"return\":22,\"id\":2}\n{\"event\":\"STOP\"}\n{\"return\":0,\"id\":99}\n{\"return\":11,\"id\":1}\n");
  await([&] { return first && second; });
  EXPECT_EQ((*first)->as_int(), 11);
  EXPECT_EQ((*second)->as_int(), 22);
  EXPECT_EQ(events_, std::vector<std::string>{"STOP"});
  EXPECT_FALSE(client_->conversation().empty());
}

TEST_F(QmpClientTest, ARefusalNamesTheCommand) {
  std::optional<Result<Json>> answer;
  client_->execute("device_del", {}, keep(answer));
  say("{\"error\":{\"class\":\"DeviceNotFound\",\"desc\":\"no d\"},\"id\":1}\n");
  await([&] { return answer.has_value(); });
  EXPECT_EQ(answer->error().code(), Code::kNotFound);
  EXPECT_EQ(answer->error().message(), "QEMU refused \"device_del\": no d");
}

TEST_F(QmpClientTest, ACommandTimesOutAndItsLateAnswerIsDropped) {
  std::optional<Result<Json>> answer;
  client_->execute("slow", {}, keep(answer), std::chrono::milliseconds(10));
  await([&] { return answer.has_value(); });
  EXPECT_EQ(answer->error().code(), Code::kDeadlineExceeded);
  say("{\"return\":{},\"id\":1}\n{\"event\":\"AFTER\"}\n");
  await([&] { return !events_.empty(); });
  EXPECT_TRUE(closed_.empty());
}

TEST_F(QmpClientTest, TheEndOfTheSocketAnswersEverything) {
  std::optional<Result<Json>> answer;
  client_->execute("a", {}, keep(answer));
  say("{\"event\":\"SHUTDOWN\",\"data\":{}}\n");
  qemu_.reset();
  await([&] { return answer && !closed_.empty(); });
  EXPECT_EQ(events_, std::vector<std::string>{"SHUTDOWN"});
  EXPECT_EQ(answer->error().code(), Code::kUnavailable);
  std::optional<Result<Json>> late;
  client_->execute("b", {}, keep(late));
  EXPECT_FALSE(late.has_value());
  await([&] { return late.has_value(); });
  EXPECT_EQ(late->error().code(), Code::kUnavailable);
}

TEST_F(QmpClientTest, NonsenseClosesOnce) {
  std::optional<Result<Json>> answer;
  client_->execute("a", {}, keep(answer));
  say("{\"event\":\"X\"}\n%%%\n{\"event\":\"Y\"}\n");
  await([&] { return answer && !closed_.empty(); });
  EXPECT_EQ(events_, std::vector<std::string>{"X"});
  EXPECT_EQ(closed_, std::vector{Code::kInternal});
}

TEST_F(QmpClientTest, MayBeDestroyedInsideAnAnswer) {
  std::optional<Result<Json>> other;
  client_->execute("a", {}, [&](const Result<Json>&) { client_.reset(); });
  client_->execute("b", {}, keep(other));
  say("{\"return\":1,\"id\":1}\n{\"return\":2,\"id\":2}\n");
  await([&] { return other.has_value(); });
  EXPECT_EQ(other->error().code(), Code::kCancelled);
}

TEST_F(QmpClientTest, ALongCommandIsWrittenInPieces) {
  std::optional<Result<Json>> answer;
  const std::string big(std::size_t{2} << 20U, 'x');
  client_->execute("a", Json::object({{"big", big}}), keep(answer));
  std::string heard;
  await([&] {
    heard += hear();
    return heard.ends_with("\r\n");
  });
  EXPECT_GT(heard.size(), big.size());
  client_.reset();  // what is open is answered while `answer` still lives
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace cove
