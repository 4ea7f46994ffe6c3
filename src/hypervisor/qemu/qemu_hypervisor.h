// QemuHypervisor: runs machines in stock QEMU, one process each, spoken to by QMP over an inherited
// socketpair.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "hypervisor/hypervisor.h"
#include "hypervisor/qemu/qemu_host.h"

namespace cove {

// Finds QEMU and what it can do here (qemu_host.h). Blocking, 5 ms when cached, else up to a few seconds.
Result<std::unique_ptr<Hypervisor>> make_qemu_hypervisor(const OpContext& ctx,
                                                         const QemuHostOptions& options);
// For a host whose facts are known: tests, and plans for another architecture.
std::unique_ptr<Hypervisor> make_qemu_hypervisor(QemuHost host);

}  // namespace cove
