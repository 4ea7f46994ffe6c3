// FakeGuest: a guest's network card and a small piece of its TCP/IP, written by hand, at QEMU's end of a
// frame pair. For tests, on the test's thread. Every wait has a limit of some seconds and then fails.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/frame_channel.h"

namespace cove::testing {

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& bytes, std::uint32_t value);  // network order
void put32(Bytes& bytes, std::uint32_t value);
std::uint32_t get16(const Bytes& bytes, std::size_t at);  // 0 beyond the end
std::uint32_t get32(const Bytes& bytes, std::size_t at);

// Where a TCP segment's parts are in a frame.
struct Segment {
  std::uint32_t source_port = 0;
  std::uint32_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  std::uint8_t flags = 0;
  std::string data;
};

constexpr std::uint8_t kFin = 1;
constexpr std::uint8_t kSyn = 2;
constexpr std::uint8_t kRst = 4;
constexpr std::uint8_t kPsh = 8;
constexpr std::uint8_t kAck = 16;

class FakeGuest {
 public:
  static constexpr std::uint32_t kAddress = 0x0a00020f;  // 10.0.2.15
  static constexpr std::uint32_t kGateway = 0x0a000202;
  static constexpr std::uint32_t kNameserver = 0x0a000203;

  explicit FakeGuest(UniqueFd end) : end_(std::move(end)) {}
  // Another QEMU process goes on with the same guest: the card has a new socket.
  void move_to(UniqueFd end) { end_ = std::move(end); }

  void send_frame(const Bytes& frame) const;
  // The next frame that `wanted` accepts; others are answered (ARP for our address) or passed over.
  Result<Bytes> wait_frame(const std::function<bool(const Bytes&)>& wanted);

  void send_arp_request(std::uint32_t address) const;
  void send_udp(std::uint32_t destination, std::uint16_t source_port, std::uint16_t port,
                const std::string& data) const;
  Result<std::string> wait_udp(std::uint16_t to_port);  // its payload

  void send_tcp(std::uint32_t destination, const Segment& segment) const;
  Result<Segment> wait_tcp(const std::function<bool(const Segment&)>& wanted);

 private:
  void send_ip(std::uint32_t destination, std::uint8_t protocol, const Bytes& payload) const;
  bool answer_arp(const Bytes& frame) const;

  UniqueFd end_;
};

// One TCP connection of the fake guest: keeps the numbers, in order only, no retransmission.
class GuestConnection {
 public:
  // Connects from the guest to address:port.
  static Result<GuestConnection> connect(FakeGuest& guest, std::uint32_t address, std::uint16_t port,
                                         std::uint16_t own_port);
  // Answers the next SYN to own_port (a forward).
  static Result<GuestConnection> accept(FakeGuest& guest, std::uint16_t own_port);

  void send(const std::string& data);
  // Reads until it has `size` bytes, acknowledging each segment.
  Result<std::string> receive(std::size_t size);
  // Sends FIN and waits for the peer's.
  Result<void> close();

 private:
  GuestConnection(FakeGuest& guest, std::uint32_t peer) : guest_(&guest), peer_(peer) {}
  Segment make(std::uint8_t flags, std::string data = {}) const;

  FakeGuest* guest_;
  std::uint32_t peer_;
  std::uint32_t own_port_ = 0;
  std::uint32_t peer_port_ = 0;
  std::uint32_t next_out_ = 1000;
  std::uint32_t next_in_ = 0;
  std::string unread_;
};

}  // namespace cove::testing
