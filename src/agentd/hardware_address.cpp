#include "agentd/hardware_address.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "agentd/link_settings.h"
#include "base/files.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

using Mac = std::array<char, 6>;

std::optional<Mac> parse_mac(const std::string& text) {
  std::string digits;
  for (const auto part : split(text, ':')) {
    if (part.size() != 2) return std::nullopt;
    digits += part;
  }
  const auto bytes = hex_decode(digits);
  if (!bytes || bytes->size() != 6) return std::nullopt;
  Mac mac;
  std::copy(bytes->begin(), bytes->end(), mac.begin());
  return mac;
}

// Neither a group's nor nobody's.
Result<Mac> own_address(const std::string& text) {
  const auto mac = parse_mac(text);
  if (!mac || ((*mac)[0] & 1) != 0 || *mac == Mac{})
    return Error(Code::kInvalidArgument, "not an interface's address: " + shell_quote(text));
  return *mac;
}

// One interface, by the oldest of the kernel's interfaces: it needs nothing but a socket.
class Interface {
 public:
  static Result<Interface> open(const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ)
      return Error(Code::kInvalidArgument, "not an interface: " + shell_quote(name));
    UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return Error::from_errno(errno, "socket");
    return Interface(std::move(socket), name);
  }
  Result<sockaddr> address() const {
    ifreq request = named();
    if (::ioctl(socket_.get(), SIOCGIFHWADDR, &request) < 0) return Error::from_errno(errno, name_);
    return request.ifr_hwaddr;
  }
  Result<void> set_address(const Mac& mac) const {
    ifreq request = named();
    request.ifr_hwaddr = COVE_TRY(address());  // its kind of address
    std::memcpy(request.ifr_hwaddr.sa_data, mac.data(), mac.size());
    if (::ioctl(socket_.get(), SIOCSIFHWADDR, &request) < 0) return Error::from_errno(errno, name_);
    return {};
  }
  Result<short> flags() const {
    ifreq request = named();
    if (::ioctl(socket_.get(), SIOCGIFFLAGS, &request) < 0) return Error::from_errno(errno, name_);
    return request.ifr_flags;
  }
  Result<void> set_flags(short flags) const {
    ifreq request = named();
    request.ifr_flags = flags;
    if (::ioctl(socket_.get(), SIOCSIFFLAGS, &request) < 0) return Error::from_errno(errno, name_);
    return {};
  }

 private:
  Interface(UniqueFd socket, std::string name) : socket_(std::move(socket)), name_(std::move(name)) {}
  ifreq named() const {
    ifreq request{};
    std::copy(name_.begin(), name_.end(), request.ifr_name);
    return request;
  }
  UniqueFd socket_;
  std::string name_;
};

bool has(const std::string& name, const Mac& mac) {
  const auto interface = Interface::open(name);
  if (!interface.ok()) return false;
  const auto address = interface->address();
  return address.ok() && std::memcmp(address->sa_data, mac.data(), mac.size()) == 0;
}

}  // namespace

Result<std::string> find_interface(const std::string& old_mac) {
  const Mac mac = COVE_TRY(own_address(old_mac));
  const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex*)> all(::if_nameindex(),
                                                                                 ::if_freenameindex);
  if (all == nullptr) return Error::from_errno(errno, "listing the interfaces");
  std::string found;
  for (const auto* entry = all.get(); entry->if_name != nullptr; ++entry) {
    if (!has(entry->if_name, mac)) continue;
    if (path_exists(std::filesystem::path("/sys/class/net") / entry->if_name / "device"))
      return std::string(entry->if_name);
    if (found.empty()) found = entry->if_name;
  }
  if (found.empty()) return Error(Code::kNotFound, "no interface has the address " + old_mac);
  return found;
}

Result<Change> set_hardware_address(const std::string& name, const std::string& mac) {
  const Mac wanted = COVE_TRY(own_address(mac));
  if (has(name, wanted)) return Change::kNone;
  if (COVE_TRY(Interface::open(name)).set_address(wanted).ok()) return Change::kDone;
  COVE_TRY(set_hardware_address_down(name, mac));
  return Change::kDone;
}

Result<void> set_hardware_address_down(const std::string& name, const std::string& mac) {
  const Mac wanted = COVE_TRY(own_address(mac));
  const Interface interface = COVE_TRY(Interface::open(name));
  const short flags = COVE_TRY(interface.flags());
  const bool up = (flags & IFF_UP) != 0;
  if (!up) return interface.set_address(wanted);
  const LinkSettings settings = COVE_TRY(LinkSettings::read(::if_nametoindex(name.c_str())));
  COVE_TRY(interface.set_flags(static_cast<short>(flags & ~IFF_UP)));
  const auto set = interface.set_address(wanted);
  COVE_TRY(interface.set_flags(flags));  // whatever came of it
  COVE_TRY(settings.restore());
  return set;
}

}  // namespace cove::agentd
