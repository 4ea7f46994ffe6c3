#include "net/testing/fake_guest.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/cancel.h"
#include "base/check.h"
#include "base/io.h"

namespace cove::testing {
namespace {

constexpr auto kLimit = std::chrono::seconds(20);
constexpr std::size_t kEthernet = 14;
const Bytes kOwnMac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

// The gateway's hardware address follows from its IP address.
Bytes ethernet(std::uint32_t destination, std::uint16_t type) {
  Bytes frame = {0x52, 0x55};
  put32(frame, destination);
  if (destination == 0xffffffff) frame.assign(6, 0xff);
  frame.insert(frame.end(), kOwnMac.begin(), kOwnMac.end());
  put16(frame, type);
  return frame;
}

std::uint16_t checksum(const Bytes& bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i]) << 8;
    if (i + 1 < bytes.size()) sum += bytes[i + 1];
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint32_t pseudo_header(std::uint32_t destination, std::uint8_t protocol, std::size_t length) {
  const std::uint32_t source = FakeGuest::kAddress;
  return (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + protocol +
         static_cast<std::uint32_t>(length);
}

void patch16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

bool is_ip(const Bytes& frame, std::uint8_t protocol) {
  return get16(frame, 12) == 0x0800 && frame.size() > kEthernet + 20 && frame[kEthernet + 9] == protocol;
}

std::size_t ip_payload(const Bytes& frame) { return kEthernet + std::size_t{4} * (frame[kEthernet] & 15U); }

Segment parse_tcp(const Bytes& frame) {
  const std::size_t at = ip_payload(frame);
  const std::size_t end = std::min<std::size_t>(frame.size(), kEthernet + get16(frame, kEthernet + 2));
  const std::size_t data = at + std::size_t{4} * (frame.size() > at + 12 ? frame[at + 12] >> 4U : 5U);
  Segment segment{get16(frame, at), get16(frame, at + 2), get32(frame, at + 4), get32(frame, at + 8), 0, {}};
  if (frame.size() > at + 13) segment.flags = frame[at + 13];
  if (data < end) {
    segment.data.assign(reinterpret_cast<const char*>(frame.data()) + data, end - data);
  }
  return segment;
}

}  // namespace

void put16(Bytes& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xff));
}
void put32(Bytes& bytes, std::uint32_t value) {
  put16(bytes, value >> 16);
  put16(bytes, value & 0xffff);
}
std::uint32_t get16(const Bytes& bytes, std::size_t at) {
  return at + 1 < bytes.size() ? (static_cast<std::uint32_t>(bytes[at]) << 8) + bytes[at + 1] : 0;
}
std::uint32_t get32(const Bytes& bytes, std::size_t at) {
  return (get16(bytes, at) << 16) + get16(bytes, at + 2);
}

void FakeGuest::send_frame(const Bytes& frame) const {
  COVE_CHECK(::send(end_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()));
}

Result<Bytes> FakeGuest::wait_frame(const std::function<bool(const Bytes&)>& wanted) {
  const auto ctx = OpContext{}.with_timeout(kLimit);
  for (;;) {
    COVE_TRY(wait_ready(ctx, end_.get(), Ready::kRead));
    Bytes frame(FrameChannel::kMaxFrameBytes);
    const ssize_t count = ::recv(end_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
    if (count < 0) return Error::from_errno(errno, "recv");
    frame.resize(static_cast<std::size_t>(count));
    if (!answer_arp(frame) && wanted(frame)) return frame;
  }
}

bool FakeGuest::answer_arp(const Bytes& frame) const {
  if (get16(frame, 12) != 0x0806 || get16(frame, 20) != 1 || get32(frame, 38) != kAddress) return false;
  Bytes reply = ethernet(get32(frame, 28), 0x0806);
  for (const std::uint32_t word : {1U, 0x0800U, 0x0604U, 2U}) put16(reply, word);
  reply.insert(reply.end(), kOwnMac.begin(), kOwnMac.end());
  put32(reply, kAddress);
  reply.insert(reply.end(), frame.begin() + 22, frame.begin() + 32);
  send_frame(reply);
  return true;
}

void FakeGuest::send_arp_request(std::uint32_t address) const {
  Bytes frame = ethernet(0xffffffff, 0x0806);
  for (const std::uint32_t word : {1U, 0x0800U, 0x0604U, 1U}) put16(frame, word);
  frame.insert(frame.end(), kOwnMac.begin(), kOwnMac.end());
  put32(frame, kAddress);
  frame.insert(frame.end(), 6, 0);
  put32(frame, address);
  send_frame(frame);
}

void FakeGuest::send_ip(std::uint32_t destination, std::uint8_t protocol, const Bytes& payload) const {
  const bool asking_for_address = destination == 0xffffffff;
  Bytes header = {0x45, 0};
  put16(header, static_cast<std::uint32_t>(20 + payload.size()));
  put32(header, 0x00010000);
  header.push_back(64);
  header.push_back(protocol);
  put16(header, 0);
  put32(header, asking_for_address ? 0 : kAddress);
  put32(header, destination);
  patch16(header, 10, checksum(header));
  Bytes frame = ethernet(destination, 0x0800);
  frame.insert(frame.end(), header.begin(), header.end());
  frame.insert(frame.end(), payload.begin(), payload.end());
  send_frame(frame);
}

void FakeGuest::send_udp(std::uint32_t destination, std::uint16_t source_port, std::uint16_t port,
                         const std::string& data) const {
  Bytes datagram;
  put16(datagram, source_port);
  put16(datagram, port);
  put16(datagram, static_cast<std::uint32_t>(8 + data.size()));
  put16(datagram, 0);  // no checksum, which IPv4 allows
  datagram.insert(datagram.end(), data.begin(), data.end());
  send_ip(destination, kUdp, datagram);
}

Result<std::string> FakeGuest::wait_udp(std::uint16_t to_port) {
  const Bytes frame = COVE_TRY(wait_frame(
      [&](const Bytes& each) { return is_ip(each, kUdp) && get16(each, ip_payload(each) + 2) == to_port; }));
  const std::size_t at = ip_payload(frame);
  const std::size_t length = get16(frame, at + 4);
  if (length < 8 || at + length > frame.size()) return Error(Code::kDataLoss, "short datagram");
  return std::string(reinterpret_cast<const char*>(frame.data()) + at + 8, length - 8);
}

void FakeGuest::send_tcp(std::uint32_t destination, const Segment& segment) const {
  Bytes bytes;
  put16(bytes, segment.source_port);
  put16(bytes, segment.destination_port);
  put32(bytes, segment.sequence);
  put32(bytes, segment.acknowledged);
  bytes.push_back((segment.flags & kSyn) != 0 ? 0x60 : 0x50);
  bytes.push_back(segment.flags);
  put16(bytes, 0xffff);
  put32(bytes, 0);
  if ((segment.flags & kSyn) != 0) put32(bytes, 0x02040000 + 65480);  // the largest segment we take
  bytes.insert(bytes.end(), segment.data.begin(), segment.data.end());
  patch16(bytes, 16, checksum(bytes, pseudo_header(destination, kTcp, bytes.size())));
  send_ip(destination, kTcp, bytes);
}

Result<Segment> FakeGuest::wait_tcp(const std::function<bool(const Segment&)>& wanted) {
  const Bytes frame =
      COVE_TRY(wait_frame([&](const Bytes& each) { return is_ip(each, kTcp) && wanted(parse_tcp(each)); }));
  return parse_tcp(frame);
}

Segment GuestConnection::make(std::uint8_t flags, std::string data) const {
  return {own_port_, peer_port_, next_out_, (flags & kAck) != 0 ? next_in_ : 0, flags, std::move(data)};
}

Result<GuestConnection> GuestConnection::connect(FakeGuest& guest, std::uint32_t address, std::uint16_t port,
                                                 std::uint16_t own_port) {
  GuestConnection connection(guest, address);
  connection.own_port_ = own_port;
  connection.peer_port_ = port;
  guest.send_tcp(address, connection.make(kSyn));
  const Segment answer =
      COVE_TRY(guest.wait_tcp([&](const Segment& each) { return each.destination_port == own_port; }));
  if ((answer.flags & kRst) != 0) return Error(Code::kUnavailable, "connection refused");
  connection.next_out_++;
  connection.next_in_ = answer.sequence + 1;
  guest.send_tcp(address, connection.make(kAck));
  return connection;
}

Result<GuestConnection> GuestConnection::accept(FakeGuest& guest, std::uint16_t own_port) {
  GuestConnection connection(guest, FakeGuest::kGateway);
  const Segment call = COVE_TRY(guest.wait_tcp(
      [&](const Segment& each) { return each.destination_port == own_port && each.flags == kSyn; }));
  connection.own_port_ = own_port;
  connection.peer_port_ = call.source_port;
  connection.next_in_ = call.sequence + 1;
  guest.send_tcp(connection.peer_, connection.make(kSyn | kAck));
  connection.next_out_++;
  return connection;
}

void GuestConnection::send(const std::string& data) {
  guest_->send_tcp(peer_, make(kPsh | kAck, data));
  next_out_ += static_cast<std::uint32_t>(data.size());
}

Result<std::string> GuestConnection::receive(std::size_t size) {
  while (unread_.size() < size) {
    const Segment segment = COVE_TRY(guest_->wait_tcp([&](const Segment& each) {
      return each.destination_port == own_port_ && each.sequence == next_in_ && !each.data.empty();
    }));
    unread_ += segment.data;
    next_in_ += static_cast<std::uint32_t>(segment.data.size());
    guest_->send_tcp(peer_, make(kAck));
  }
  std::string data = unread_.substr(0, size);
  unread_.erase(0, size);
  return data;
}

Result<void> GuestConnection::close() {
  guest_->send_tcp(peer_, make(kFin | kAck));
  next_out_++;
  COVE_TRY(guest_->wait_tcp([&](const Segment& each) {
    return each.destination_port == own_port_ && (each.flags & (kFin | kRst)) != 0;
  }));
  next_in_++;
  guest_->send_tcp(peer_, make(kAck));
  return {};
}

}  // namespace cove::testing
