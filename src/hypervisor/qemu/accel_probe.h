// accel_probe: whether an accelerator really runs guests here. /dev/kvm may open and make virtual machines
// whose guests then hang, so a probe guest of 256 bytes has to answer. Blocking; any thread.
#pragma once

#include <string>

#include "base/cancel.h"
#include "model/machine_spec.h"

namespace cove {

// Runs the probe guest in QEMU (2 s at most). x86: it goes from reset to long mode and reports a 64-bit
// result; aarch64: it writes to the UART and powers off.
Result<void> run_probe_guest(const OpContext& ctx, const std::string& qemu, Arch arch, Accel accel);

// Cheap reasons against KVM for guests of `arch`, without running anything: another architecture, no vmx or
// svm in the CPU's flags, /dev/kvm missing or not ours to open.
Result<void> kvm_looks_usable(Arch arch);

}  // namespace cove
