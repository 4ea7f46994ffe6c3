// Hardware addresses in a network namespace of the test's own, on its loopback interface: the only one that
// every kernel gives to everybody. A process of its own, because a namespace of users needs one that has a
// single thread.
#include "agentd/hardware_address.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cove::agentd {
namespace {

constexpr const char* kMac = "52:54:00:12:34:56";

void set_ipv4(sockaddr& place, std::uint32_t address) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(address);
  std::memcpy(&place, &ipv4, sizeof ipv4);
}

struct AddIpv6 {  // linux/ipv6.h's in6_ifreq, whose header does not go together with the C library's
  in6_addr address;
  std::uint32_t prefix;
  int index;
};

// Up, 10.9.0.1/24, fd00::9/64, 10.77.0.0/16 directly and 10.88.0.0/16 behind 10.9.0.2.
void set_up_loopback() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
  const UniqueFd fd6(::socket(AF_INET6, SOCK_DGRAM, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_LOOPBACK;
  EXPECT_EQ(::ioctl(fd.get(), SIOCSIFFLAGS, &request), 0);
  set_ipv4(request.ifr_addr, 0x0a090001);
  EXPECT_EQ(::ioctl(fd.get(), SIOCSIFADDR, &request), 0);
  set_ipv4(request.ifr_netmask, 0xffffff00);
  EXPECT_EQ(::ioctl(fd.get(), SIOCSIFNETMASK, &request), 0);
  AddIpv6 add{{}, 64, static_cast<int>(::if_nametoindex("lo"))};
  add.address.s6_addr[0] = 0xfd;
  add.address.s6_addr[15] = 9;
  EXPECT_EQ(::ioctl(fd6.get(), SIOCSIFADDR, &add), 0);
  char name[] = "lo";
  rtentry direct{};
  set_ipv4(direct.rt_dst, 0x0a4d0000);
  set_ipv4(direct.rt_genmask, 0xffff0000);
  direct.rt_flags = RTF_UP;
  direct.rt_dev = name;
  EXPECT_EQ(::ioctl(fd.get(), SIOCADDRT, &direct), 0);
  rtentry behind = direct;
  set_ipv4(behind.rt_dst, 0x0a580000);
  set_ipv4(behind.rt_gateway, 0x0a4d0001);
  behind.rt_flags = RTF_UP | RTF_GATEWAY;
  EXPECT_EQ(::ioctl(fd.get(), SIOCADDRT, &behind), 0);
}

// IPv4 routes as they are, and the IPv6 addresses without their flags: the kernel is still looking whether
// anybody else has a new one.
std::string settings() {
  std::set<std::string> addresses;
  const std::string table = read_file("/proc/self/net/if_inet6").value_or("(no addresses)");
  for (const auto line : split(table, '\n')) addresses.emplace(line.substr(0, line.find(' ')));
  return read_file("/proc/self/net/route").value_or("(no routes)") +
         join({addresses.begin(), addresses.end()}, "\n");
}

// In the child: its exit status says whether all was as expected.
void try_in_namespace() {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWNET) != 0) ::_exit(77);
  set_up_loopback();
  const std::string before = settings();
  for (const char* part : {"00004D0A", "0000580A", "fd000000000000000000000000000009"})
    EXPECT_NE(before.find(part), std::string::npos) << part << " in " << before;
  EXPECT_EQ(find_interface(kMac).error().code(), Code::kNotFound);
  EXPECT_EQ(set_hardware_address("lo", kMac).value(), Change::kDone);
  EXPECT_EQ(set_hardware_address("lo", kMac).value(), Change::kNone);
  EXPECT_EQ(find_interface("52:54:00:12:34:56").value(), "lo");
  EXPECT_EQ(settings(), before);  // it was never down
  const auto down = set_hardware_address_down("lo", "52:54:00:AB:cd:ef");
  EXPECT_TRUE(down.ok()) << down.error().message();
  EXPECT_EQ(find_interface("52:54:00:ab:cd:EF").value_or("?"), "lo");
  EXPECT_EQ(settings(), before);
  for (const char* bad :
       {"", "52:54:00:12:34", "01:00:5e:00:00:01", "00:00:00:00:00:00", "52-54-00-12-34-56"}) {
    EXPECT_EQ(set_hardware_address("lo", bad).error().code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(set_hardware_address("none0", kMac).ok());
  ::_exit(::testing::Test::HasFailure() ? 1 : 0);
}

TEST(HardwareAddress, changes_and_leaves_addresses_and_routes) {
  const pid_t child = ::fork();
  if (child == 0) try_in_namespace();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_NE(WEXITSTATUS(status), 77) << "no network namespace is to be had here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace cove::agentd
