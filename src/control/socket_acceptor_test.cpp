#include "control/socket_acceptor.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/files.h"
#include "base/testing/patience.h"
#include "base/unix_socket.h"

namespace cove {
namespace {

using testing::patient;

class SocketAcceptorTest : public ::testing::Test {
 protected:
  void accept_up_to(std::size_t max_open) {
    acceptor_ = SocketAcceptor::create(*loop_, {folder_.path() / "s", max_open,
                                                [this](UniqueFd fd) { accepted_.push_back(std::move(fd)); }})
                    .value();
  }
  void dial(int count) {
    for (int i = 0; i < count; ++i) {
      clients_.push_back(connect_unix(patient(), folder_.path() / "s").value());
    }
  }
  // How many are accepted once `wanted` are, or nothing more happens.
  std::size_t accepted(std::size_t wanted) {
    while (accepted_.size() < wanted && loop_->run_one(std::chrono::seconds(5))) {
    }
    return accepted_.size();
  }

  TempDir folder_ = TempDir::create("/tmp", "cove-acceptor").value();
  std::unique_ptr<EventLoop> loop_ = make_event_loop();
  std::vector<UniqueFd> accepted_;
  std::vector<UniqueFd> clients_;
  std::unique_ptr<SocketAcceptor> acceptor_;
};

TEST_F(SocketAcceptorTest, TakesTheNextWhenOneHasEnded) {
  accept_up_to(3);
  dial(5);
  EXPECT_EQ(accepted(3), 3U);
  while (loop_->run_one(std::chrono::milliseconds(50))) {
  }
  EXPECT_EQ(accepted_.size(), 3U);  // and no more
  acceptor_->ended();
  EXPECT_EQ(accepted(4), 4U);
  acceptor_->ended();
  acceptor_->ended();
  EXPECT_EQ(accepted(5), 5U);
  dial(1);
  EXPECT_EQ(accepted(6), 6U);
}

// More than a backlog of 128, which would make the rest of them try again and again.
TEST_F(SocketAcceptorTest, KeepsHundredsWaiting) {
  accept_up_to(1);
  dial(400);
  EXPECT_EQ(accepted(1), 1U);
  for (std::size_t i = 2; i <= clients_.size(); ++i) {
    acceptor_->ended();
    ASSERT_EQ(accepted(i), i);
  }
}

TEST(ConnectionsWithin, LeavesRoomForTheMachine) {
  EXPECT_EQ(connections_within(20000), 512U);
  EXPECT_EQ(connections_within(4096), 240U);
  EXPECT_EQ(connections_within(1024), 48U);
  EXPECT_EQ(connections_within(0), 8U);
}

}  // namespace
}  // namespace cove
