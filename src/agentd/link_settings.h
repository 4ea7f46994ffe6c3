// LinkSettings: the addresses and routes of one network interface, as the kernel tells them, so that they can
// be put back after it was down. What the kernel makes by itself (local and connected routes, IPv6 link-local
// addresses) it makes again; routes over several interfaces at once are not kept. A value; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace cove::agentd {

class LinkSettings final {
 public:
  static Result<LinkSettings> read(unsigned interface_index);
  // Once the interface is up again. What is there already is left.
  Result<void> restore() const;

 private:
  // The kernel's own messages, in the order in which they can be put back.
  std::vector<std::string> messages_;
};

}  // namespace cove::agentd
