#include "hypervisor/qemu/qemu_hypervisor.h"

#include <utility>

#include "hypervisor/qemu/qemu_machine.h"
#include "hypervisor/qemu/qemu_plan.h"

namespace cove {
namespace {

class QemuHypervisor final : public Hypervisor {
 public:
  explicit QemuHypervisor(QemuHost host) : host_(std::move(host)) {}
  std::string_view name() const override { return "qemu"; }
  std::string default_machine_type(Arch arch) const override {
    return versioned_machine_type(arch, host_.version);
  }
  std::vector<std::string> machine_types(Arch arch) const override {
    return arch == host_.arch ? host_.machine_types : std::vector<std::string>();
  }
  std::string engine() const override { return "qemu " + host_.version; }
  std::string describe() const override { return "QEMU " + host_.version + " (" + host_.binary + ")"; }
  Result<MachineSpec> plan(const VmConfig& config, const MachinePaths& paths) const override {
    return qemu_plan(host_, config, paths);
  }
  Result<std::unique_ptr<Machine>> create(EventLoop& loop, MachineSpec spec, MachineOrigin origin) override {
    return QemuMachine::create(loop, host_, std::move(spec), std::move(origin));
  }

 private:
  QemuHost host_;
};

}  // namespace

Result<std::unique_ptr<Hypervisor>> make_qemu_hypervisor(const OpContext& ctx,
                                                         const QemuHostOptions& options) {
  return make_qemu_hypervisor(COVE_TRY(find_qemu(ctx, options)));
}

std::unique_ptr<Hypervisor> make_qemu_hypervisor(QemuHost host) {
  return std::make_unique<QemuHypervisor>(std::move(host));
}

}  // namespace cove
