// hardware_address: gives a network interface of this machine another hardware (MAC) address. Any thread.
#pragma once

#include <string>

#include "agentd/file_swap.h"
#include "base/result.h"

namespace cove::agentd {

// The interface whose address is `old_mac` ("52:54:00:12:34:56", either case), one with a device of its own
// before a bridge or the like that shows its address; the name. kNotFound: none has it.
Result<std::string> find_interface(const std::string& old_mac);

// While it is up if its driver can, else by taking it down for a moment and giving it back its addresses and
// routes. kInvalidArgument: `mac` cannot be an interface's.
Result<Change> set_hardware_address(const std::string& interface, const std::string& mac);

// The second way, whatever the driver can.
Result<void> set_hardware_address_down(const std::string& interface, const std::string& mac);

}  // namespace cove::agentd
