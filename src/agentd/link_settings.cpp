#include "agentd/link_settings.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/unique_fd.h"

namespace cove::agentd {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} << 10U;

Error netlink_error(int number) { return Error::from_errno(number, "rtnetlink"); }

Result<UniqueFd> open_rtnetlink() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return netlink_error(errno);
  // The kernel answers within the call; this is for the case that it does not.
  const timeval patience{2, 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
    return netlink_error(errno);
  return fd;
}

// Calls `take` with each message of the answer, until one that ends it.
template <typename Take>
Result<void> receive(int fd, Take take) {
  alignas(nlmsghdr) static thread_local char buffer[kBufferBytes];
  for (;;) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return netlink_error(errno);
    auto left = static_cast<std::size_t>(count);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return {};
      if (message->nlmsg_type == NLMSG_ERROR) {
        const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
        return error == 0 ? Result<void>() : Result<void>(netlink_error(-error));
      }
      take(*message);
    }
  }
}

Result<std::vector<std::string>> dump(int fd, std::uint16_t type, std::uint16_t kind) {
  struct {
    nlmsghdr head;
    rtgenmsg body;
  } request{};
  request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.head.nlmsg_type = type;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.rtgen_family = AF_UNSPEC;
  if (::send(fd, &request, request.head.nlmsg_len, 0) < 0) return netlink_error(errno);
  std::vector<std::string> messages;
  COVE_TRY(receive(fd, [&](const nlmsghdr& message) {
    if (message.nlmsg_type == kind)
      messages.emplace_back(reinterpret_cast<const char*>(&message), message.nlmsg_len);
  }));
  return messages;
}

// The attribute of a route; nullptr: it has none.
const rtattr* find_attribute(const std::string& message, unsigned short type) {
  const auto* head = reinterpret_cast<const nlmsghdr*>(message.data());
  const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(head));
  auto left = static_cast<unsigned>(RTM_PAYLOAD(head));
  for (const rtattr* at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type == type) return at;
  }
  return nullptr;
}

template <typename Body>
const Body& body_of(const std::string& message) {
  return *static_cast<const Body*>(NLMSG_DATA(reinterpret_cast<const nlmsghdr*>(message.data())));
}

bool is_address_to_keep(const std::string& message, unsigned index) {
  const auto& address = body_of<ifaddrmsg>(message);
  return address.ifa_index == index &&
         !(address.ifa_family == AF_INET6 && address.ifa_scope == RT_SCOPE_LINK);
}

bool is_route_to_keep(const std::string& message, unsigned index) {
  const auto& route = body_of<rtmsg>(message);
  if (route.rtm_protocol == RTPROT_KERNEL || route.rtm_type != RTN_UNICAST ||
      (route.rtm_flags & RTM_F_CLONED) != 0)
    return false;
  const rtattr* out = find_attribute(message, RTA_OIF);
  unsigned number = 0;
  if (out == nullptr || RTA_PAYLOAD(out) < sizeof number) return false;
  std::memcpy(&number, RTA_DATA(out), sizeof number);
  return number == index;
}

Result<void> put_back(int fd, std::string message) {
  auto* head = reinterpret_cast<nlmsghdr*>(message.data());
  head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  head->nlmsg_pid = 0;
  if (::send(fd, message.data(), message.size(), 0) < 0) return netlink_error(errno);
  auto answered = receive(fd, [](const nlmsghdr&) {});
  if (!answered.ok() && answered.error().code() == Code::kAlreadyExists) return {};
  return answered;
}

}  // namespace

Result<LinkSettings> LinkSettings::read(unsigned interface_index) {
  const UniqueFd fd = COVE_TRY(open_rtnetlink());
  LinkSettings settings;
  for (auto& address : COVE_TRY(dump(fd.get(), RTM_GETADDR, RTM_NEWADDR))) {
    if (is_address_to_keep(address, interface_index)) settings.messages_.push_back(std::move(address));
  }
  std::vector<std::string> behind_gateways;
  for (auto& route : COVE_TRY(dump(fd.get(), RTM_GETROUTE, RTM_NEWROUTE))) {
    if (!is_route_to_keep(route, interface_index)) continue;
    const bool direct = find_attribute(route, RTA_GATEWAY) == nullptr;
    (direct ? settings.messages_ : behind_gateways).push_back(std::move(route));
  }
  std::move(behind_gateways.begin(), behind_gateways.end(), std::back_inserter(settings.messages_));
  return settings;
}

Result<void> LinkSettings::restore() const {
  const UniqueFd fd = COVE_TRY(open_rtnetlink());
  Result<void> all;
  for (const auto& message : messages_) {
    auto restored = put_back(fd.get(), message);
    if (!restored.ok() && all.ok()) all = std::move(restored);
  }
  return all;
}

}  // namespace cove::agentd
