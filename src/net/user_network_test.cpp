#include "net/user_network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/io.h"
#include "base/thread.h"
#include "net/testing/fake_guest.h"

namespace cove {
namespace {

using testing::Bytes;
using testing::FakeGuest;
using testing::get16;
using testing::get32;
using testing::GuestConnection;

OpContext limit() { return OpContext{}.with_timeout(std::chrono::seconds(20)); }

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// A socket of the host on a port of its own choice.
struct HostSocket {
  UniqueFd fd;
  std::uint16_t port = 0;

  explicit HostSocket(int type) : fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd.get(), generic, size), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(fd.get(), 8), 0);
    }
    EXPECT_EQ(::getsockname(fd.get(), generic, &size), 0);
    port = ntohs(address.sin_port);
  }
  UniqueFd accept() const {
    EXPECT_TRUE(wait_ready(limit(), fd.get(), Ready::kRead).ok());
    return UniqueFd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
};

UniqueFd connect_host(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string read_text(int fd, std::size_t size) {
  std::string text(size, '\0');
  const auto read = read_exact(limit(), fd, text);
  EXPECT_TRUE(read.ok()) << read.error().message();
  return text;
}

UniqueFd attach_new(UserNetwork& network) {
  auto pair = make_frame_pair();
  auto end = duplicate(pair->qemu.get());
  network.attach(std::move(*pair));
  return std::move(*end);
}

class UserNetworkTest : public ::testing::Test {
 protected:
  UserNetworkTest()
      : network(UserNetwork::create({.hostname = "box"}).value()), guest(attach_new(*network)) {}

  std::unique_ptr<UserNetwork> network;
  FakeGuest guest;
};

TEST_F(UserNetworkTest, AnswersDhcpWithTheAddressThatIsOurs) {
  std::string discover("\x01\x01\x06\x00test", 8);
  discover.resize(28, '\0');
  discover += std::string("\x52\x54\x00\x12\x34\x56", 6);
  discover.resize(236, '\0');
  discover += std::string("\x63\x82\x53\x63\x35\x01\x01\xff", 8);
  guest.send_udp(0xffffffff, 68, 67, discover);
  const auto offer = guest.wait_udp(68);
  ASSERT_TRUE(offer.ok()) << offer.error().message();
  const Bytes bytes(offer->begin(), offer->end());
  EXPECT_EQ(get32(bytes, 16), FakeGuest::kAddress);
  EXPECT_NE(offer->find(std::string("\x35\x01\x02", 3)), std::string::npos) << "message type OFFER";
  EXPECT_NE(offer->find(std::string("\x03\x04\x0a\x00\x02\x02", 6)), std::string::npos) << "router";
  EXPECT_NE(offer->find(std::string("\x06\x04\x0a\x00\x02\x03", 6)), std::string::npos) << "name server";
  EXPECT_NE(offer->find("box"), std::string::npos) << "host name";
  EXPECT_EQ(network->facts().guest_address, "10.0.2.15");
}

TEST_F(UserNetworkTest, AnswersArpForTheGateway) {
  guest.send_arp_request(FakeGuest::kGateway);
  const auto reply = guest.wait_frame([](const Bytes& frame) {
    return get16(frame, 12) == 0x0806 && get16(frame, 20) == 2 && get32(frame, 28) == FakeGuest::kGateway;
  });
  ASSERT_TRUE(reply.ok()) << reply.error().message();
}

TEST_F(UserNetworkTest, CarriesUdpToTheHostAndBack) {
  const HostSocket host(SOCK_DGRAM);
  guest.send_udp(FakeGuest::kGateway, 4000, host.port, "question");
  ASSERT_TRUE(wait_ready(limit(), host.fd.get(), Ready::kRead).ok());
  char question[32];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  auto* generic = reinterpret_cast<sockaddr*>(&from);
  ASSERT_EQ(::recvfrom(host.fd.get(), question, sizeof question, 0, generic, &size), 8);
  ASSERT_EQ(::sendto(host.fd.get(), "answer", 6, 0, generic, size), 6);
  const auto answer = guest.wait_udp(4000);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(*answer, "answer");
}

TEST_F(UserNetworkTest, CarriesTcpToTheHostInLargeFrames) {
  const HostSocket host(SOCK_STREAM);
  auto connection = GuestConnection::connect(guest, FakeGuest::kGateway, host.port, 5000);
  ASSERT_TRUE(connection.ok()) << connection.error().message();
  UniqueFd peer = host.accept();
  const std::string up(60'000, 'u');
  connection->send(up);
  EXPECT_EQ(read_text(peer.get(), up.size()), up);
  const std::string down(200'000, 'd');
  ASSERT_TRUE(write_all(limit(), peer.get(), down).ok());
  const auto got = connection->receive(down.size());
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(*got, down);
  peer.reset();
  EXPECT_TRUE(connection->close().ok());
  const FrameCounters frames = network->counters().frames;
  EXPECT_LT(frames.frames_out, 60U) << "200 kB fit into few frames when frames are large";
  EXPECT_EQ(frames.dropped_out, 0U);
}

TEST_F(UserNetworkTest, RefusesTcpToAClosedPort) {
  std::uint16_t port = 0;
  {
    const HostSocket closed(SOCK_STREAM);
    port = closed.port;
  }
  const auto connection = GuestConnection::connect(guest, FakeGuest::kGateway, port, 5001);
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().code(), Code::kUnavailable);
}

TEST_F(UserNetworkTest, ForwardsAPortItChoosesUntilItIsRemoved) {
  const auto forward = network->add_forward({.host_port = 0, .guest_port = 22});
  ASSERT_TRUE(forward.ok()) << forward.error().message();
  EXPECT_NE(forward->host_port, 0);
  EXPECT_EQ(network->forwards(), std::vector<ForwardSpec>{*forward});

  EXPECT_EQ(network->connections(*forward), 0U);
  const UniqueFd client = connect_host(forward->host_port);
  auto connection = GuestConnection::accept(guest, 22);
  ASSERT_TRUE(connection.ok()) << connection.error().message();
  EXPECT_EQ(network->connections(*forward), 1U);
  EXPECT_EQ(network->connections({.host_port = 1, .guest_port = 22}), 0U);
  connection->send("SSH-2.0-fake\r\n");
  EXPECT_EQ(read_text(client.get(), 14), "SSH-2.0-fake\r\n");

  ASSERT_TRUE(network->remove_forward("127.0.0.1", forward->host_port).ok());
  EXPECT_TRUE(network->forwards().empty());
  ASSERT_TRUE(write_all(limit(), client.get(), "hello").ok()) << "open connections go on";
  EXPECT_EQ(*connection->receive(5), "hello");
  const auto again = network->remove_forward("127.0.0.1", forward->host_port);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Code::kNotFound);
  const UniqueFd refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(forward->host_port);
  EXPECT_LT(::connect(refused.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

TEST_F(UserNetworkTest, NamesAPortInUse) {
  const HostSocket taken(SOCK_STREAM);
  const auto forward = network->add_forward({.host_port = taken.port, .guest_port = 80});
  ASSERT_FALSE(forward.ok());
  EXPECT_EQ(forward.error().code(), Code::kAlreadyExists);
  EXPECT_NE(forward.error().message().find("port " + std::to_string(taken.port) + " on 127.0.0.1"),
            std::string::npos)
      << forward.error().message();
  const auto elsewhere =
      network->add_forward({.host_address = "192.0.2.1", .host_port = 0, .guest_port = 80});
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(network->forwards().empty());
}

// The hand-over: data is in both directions of the old socket when the process changes.
TEST_F(UserNetworkTest, AConnectionOutlivesTheChangeOfProcessWithFramesInFlight) {
  const HostSocket host(SOCK_STREAM);
  auto connection = GuestConnection::connect(guest, FakeGuest::kGateway, host.port, 5002);
  ASSERT_TRUE(connection.ok()) << connection.error().message();
  const UniqueFd peer = host.accept();
  const std::uint64_t before = network->counters().frames.frames_out;
  ASSERT_TRUE(write_all(limit(), peer.get(), "unread by A;").ok());
  // In A's socket, and A does not read it.
  while (network->counters().frames.frames_out == before) {
  }
  network->close_gate();
  ASSERT_TRUE(write_all(limit(), peer.get(), "held at the gate;").ok());
  connection->send("sent by A;");
  auto fresh = make_frame_pair();
  auto end = duplicate(fresh->qemu.get());
  ASSERT_TRUE(network->swap(std::move(*fresh)).ok());
  EXPECT_GE(network->counters().frames.carried_out, 1U);
  guest.move_to(std::move(*end));
  network->open_gate();

  EXPECT_EQ(read_text(peer.get(), 10), "sent by A;");
  const auto got = connection->receive(29);
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(*got, "unread by A;held at the gate;");
  connection->send("sent by B;");
  EXPECT_EQ(read_text(peer.get(), 10), "sent by B;");
  EXPECT_EQ(network->counters().frames.dropped_out, 0U);
}

TEST_F(UserNetworkTest, SurvivesMalformedFrames) {
  guest.send_frame({0x01});
  for (std::size_t length = 14; length < 80; length += 3) {
    Bytes frame(length, 0xff);
    frame[12] = 0x08;
    frame[13] = length % 2 == 0 ? 0x00 : 0x06;
    guest.send_frame(frame);
  }
  guest.send_arp_request(FakeGuest::kGateway);
  EXPECT_TRUE(guest.wait_frame([](const Bytes& frame) { return get16(frame, 20) == 2; }).ok());
}

TEST_F(UserNetworkTest, AnyThreadMayCall) {
  std::atomic<int> failures = 0;
  {
    std::vector<Thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; i++) {
      threads.emplace_back("caller", [&] {
        for (int round = 0; round < 25; round++) {
          const auto forward = network->add_forward({.host_port = 0, .guest_port = 80});
          if (!forward.ok()) {
            failures++;
            continue;
          }
          network->counters();
          if (!network->remove_forward(forward->host_address, forward->host_port).ok()) failures++;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(network->forwards().empty());
}

TEST(UserNetwork, RefusesAddressesThatDoNotFit) {
  const UserNetworkOptions wrong[] = {{.guest_address = "10.0.3.15"},
                                      {.guest_address = "10.0.2.2"},
                                      {.guest_address = "10.0.2.255"},
                                      {.gateway = "gateway"},
                                      {.mtu = 100},
                                      {.mtu = 65536}};
  for (const auto& options : wrong) {
    const auto network = UserNetwork::create(options);
    ASSERT_FALSE(network.ok());
    EXPECT_EQ(network.error().code(), Code::kInvalidArgument);
  }
}

TEST(UserNetwork, RestrictedGuestsReachNothing) {
  auto network = UserNetwork::create({.reach = Reach::kForwardsOnly});
  ASSERT_TRUE(network.ok());
  FakeGuest guest(attach_new(**network));
  const HostSocket host(SOCK_STREAM);
  guest.send_tcp(FakeGuest::kGateway, {5003, host.port, 1000, 0, testing::kSyn, {}});
  guest.send_arp_request(FakeGuest::kGateway);
  // The answer to the later frame shows that the earlier one has been dealt with.
  const auto answer = guest.wait_frame([](const Bytes&) { return true; });
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(get16(*answer, 12), 0x0806U);
  EXPECT_FALSE(
      wait_ready(OpContext{}.with_timeout(std::chrono::milliseconds(100)), host.fd.get(), Ready::kRead).ok());
}

}  // namespace
}  // namespace cove
