// UserNetwork: the guest's network without privileges: DHCP, DNS, NAT to whatever the host reaches, and TCP
// ports of the host that lead into the guest (libslirp inside). It runs on a thread of its own, made by
// create() and joined by the destructor. Any thread may call any member; calls wait for the network thread's
// turn, normally well under a millisecond, and it never blocks. Its owner is the supervisor; connections live
// here and not in QEMU, so they outlive a hand-over to another QEMU process:
//   close_gate(); stop A; one QMP round trip; swap(fresh pair); save A; load B; cont B; open_gate().
// One per process: libslirp keeps its clock and its resolver's address in static variables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/frame_channel.h"
#include "net/port_forward.h"

namespace cove {

enum class Ipv6 : std::uint8_t { kOff, kOn };
// kForwardsOnly: the guest reaches DHCP and answers forwards; nothing beyond.
enum class Reach : std::uint8_t { kEverything, kForwardsOnly };

struct UserNetworkOptions {
  // Dotted IPv4, all in one /24; .255 and .0 are refused.
  std::string guest_address = "10.0.2.15";
  std::string gateway = "10.0.2.2";     // also the host's loopback, as seen by the guest
  std::string nameserver = "10.0.2.3";  // asks the first name server of the host's resolv.conf, as it changes
  std::string hostname = {};            // told by DHCP; empty = not told
  Ipv6 ipv6 = Ipv6::kOn;                // fec0::/64 by router advertisement
  Reach reach = Reach::kEverything;
  // 576..65520. The guest's device must be told the same (virtio-net-pci,host_mtu=). Large frames are what
  // makes a datagram per frame cheap.
  std::uint32_t mtu = 65520;
  FrameLimits queue = {};
};

// What the guest was or will be given.
struct NetworkFacts {
  std::string guest_address;
  std::string gateway;
  std::string nameserver;
  std::uint32_t mtu = 0;
};

struct NetworkCounters {
  FrameCounters frames;
  std::uint64_t wakeups = 0;       // of the network thread
  std::uint64_t descriptors = 0;   // sockets libslirp waits on now: connections, forwards, UDP flows
  std::uint64_t guest_errors = 0;  // malformed frames libslirp complained about
};

class UserNetwork final {
 public:
  static Result<std::unique_ptr<UserNetwork>> create(const UserNetworkOptions& options);
  ~UserNetwork();  // closes every connection and forward
  UserNetwork(const UserNetwork&) = delete;
  UserNetwork& operator=(const UserNetwork&) = delete;

  // The first QEMU, or another after detach(): its pair (make_frame_pair), of which QEMU inherits a duplicate
  // of `qemu`. Frames that waited for an earlier QEMU are dropped. `qemu` may be invalid when somebody else
  // keeps that end; a swap() then loses what this QEMU had not read.
  void attach(FramePair pair);
  // QEMU has ended: forget its pair. Forwards stay.
  void detach();
  // From now on frames for the guest wait in the queue.
  void close_gate();
  // See FrameChannel::swap. kFailedPrecondition unless the gate is closed.
  Result<void> swap(FramePair fresh);
  // Frames flow again, those that waited first.
  void open_gate();

  // Opens the host's port and returns the forward with the port chosen. kAlreadyExists names a port in use,
  // kPermissionDenied one the user may not open, kInvalidArgument an address that is not the host's.
  Result<ForwardSpec> add_forward(const ForwardSpec& forward);
  // Closes the port; connections made through it go on. kNotFound if there is none.
  Result<void> remove_forward(const std::string& host_address, std::uint16_t host_port);
  std::vector<ForwardSpec> forwards() const;
  // Connections open through it now.
  std::uint64_t connections(const ForwardSpec& forward) const;

  const NetworkFacts& facts() const;
  NetworkCounters counters() const;

 private:
  struct Impl;
  explicit UserNetwork(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove
