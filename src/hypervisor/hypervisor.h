// Hypervisor: a backend that runs machines (qemu, fake). Owned by the supervisor; made before the loop runs,
// because finding out what a host can do blocks; afterwards used on the loop's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "base/result.h"
#include "hypervisor/machine.h"
#include "model/machine_spec.h"
#include "model/vm_config.h"

namespace cove {

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;
  Hypervisor() = default;
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  virtual std::string_view name() const = 0;
  // The newest machine type this backend has for `arch`; pinned in config.json at a VM's first start, because
  // a saved state can be loaded by no other.
  virtual std::string default_machine_type(Arch arch) const = 0;
  // The types that machines of `arch` can be here; none for an arch that is not this backend's.
  virtual std::vector<std::string> machine_types(Arch arch) const = 0;
  // "qemu 7.2.22": what a saved state remembers; another engine's states cannot be loaded.
  virtual std::string engine() const = 0;
  // "QEMU 7.2.22 (/usr/bin/qemu-system-x86_64)": for messages.
  virtual std::string describe() const = 0;
  // Pure: looks at nothing but its arguments and what the backend found out when it was made.
  // kInvalidArgument or kFailedPrecondition say what is missing or does not go together.
  virtual Result<MachineSpec> plan(const VmConfig& config, const MachinePaths& paths) const = 0;
  // Makes a machine that does not run yet. Cheap: no process, no RAM.
  virtual Result<std::unique_ptr<Machine>> create(EventLoop& loop, MachineSpec spec,
                                                  MachineOrigin origin) = 0;
};

}  // namespace cove
