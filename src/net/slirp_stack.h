// SlirpStack: libslirp behind C++: frames in and out, descriptors and timers for a poll() loop, forwards.
// Owned by UserNetwork; every member on its thread, where none blocks.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "net/user_network.h"

namespace cove {

class SlirpStack final {
 public:
  // to_guest is called from within input(), finish_poll() and the forward calls.
  static Result<std::unique_ptr<SlirpStack>> create(const UserNetworkOptions& options, FrameSink to_guest);
  ~SlirpStack();

  void input(FrameView from_guest);
  // Appends the descriptors to wait on and returns for how many milliseconds at most, -1 for ever.
  int fill_poll(std::vector<pollfd>& descriptors);
  // After poll(): acts on what became ready and on timers that are due. The vector is fill_poll's.
  void finish_poll(const std::vector<pollfd>& descriptors);

  // host_port must not be 0. 0 or an errno value.
  int add_forward(const ForwardSpec& forward);
  bool remove_forward(const std::string& host_address, std::uint16_t host_port);
  // Open TCP connections that came in through it.
  std::uint64_t connections(const ForwardSpec& forward) const;
  std::uint64_t guest_errors() const;

 private:
  struct Impl;
  explicit SlirpStack(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove
