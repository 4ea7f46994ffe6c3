#include "hypervisor/fake/fake_hypervisor.h"

#include <limits>
#include <utility>

#include "hypervisor/fake/fake_machine.h"
#include "hypervisor/standard_devices.h"

namespace cove {
namespace {

class FakeHypervisor final : public Hypervisor {
 public:
  explicit FakeHypervisor(FakeOptions options) : options_(std::move(options)) {}
  std::string_view name() const override { return "fake"; }
  std::string default_machine_type(Arch arch) const override {
    return "fake-" + std::string(to_string(arch));
  }
  std::vector<std::string> machine_types(Arch arch) const override { return {default_machine_type(arch)}; }
  std::string engine() const override { return "fake"; }
  std::string describe() const override { return "the fake engine"; }

  // The same devices as the real thing, so that what is shown of a fake VM looks like one.
  Result<MachineSpec> plan(const VmConfig& config, const MachinePaths& paths) const override {
    MachineSpec spec;
    spec.arch = config.arch;
    spec.machine_type = config.machine_type.empty() ? default_machine_type(config.arch) : config.machine_type;
    spec.cpu_model = "fake";
    spec.cpus = config.cpus;
    spec.memory_bytes = config.memory_bytes();
    spec.ram_path = paths.ram;
    spec.boot.mode = config.boot;
    spec.devices = standard_devices(config, paths);
    return spec;
  }

  Result<std::unique_ptr<Machine>> create(EventLoop& loop, MachineSpec spec, MachineOrigin origin) override {
    auto sockets = COVE_TRY(MachineSockets::create(spec));
    return std::unique_ptr<Machine>(std::make_unique<FakeMachine>(loop, std::move(spec), std::move(origin),
                                                                  options_, commons_, std::move(sockets)));
  }

 private:
  FakeOptions options_;
  std::shared_ptr<FakeCommons> commons_ = std::make_shared<FakeCommons>();
};

Error wrong(const std::string& member) {
  return Error(Code::kInvalidArgument, "fake options: member \"" + member + "\" is unknown or wrong");
}

}  // namespace

Result<FakeOptions> FakeOptions::from_json(const Json& json) {
  constexpr std::uint64_t kMaxMs = 3600'000;
  FakeOptions options;
  for (const auto& [name, value] : json.members()) {
    const std::uint64_t number = value.as_uint(std::numeric_limits<std::uint64_t>::max());
    const bool small_number = value.is_number() && number <= kMaxMs;
    if (name == "latency_ms" && small_number) {
      options.latency = std::chrono::milliseconds(number);
    } else if (name == "crash_after_ms" && small_number) {
      options.crash_after = std::chrono::milliseconds(number);
    } else if (name == "deaf_ms" && small_number) {
      options.deaf_for = std::chrono::milliseconds(number);
    } else if (name == "agent_after_ms" && small_number) {
      options.agent_after = std::chrono::milliseconds(number);
    } else if (name == "fail_from" && small_number) {
      options.fail_from = static_cast<std::uint32_t>(number);
    } else if (name == "fail" && value.is_string()) {
      options.fail = value.as_string();
    } else if (name == "power_button" && (value == Json("obeyed") || value == Json("ignored"))) {
      options.power_button = value == Json("ignored") ? PowerButton::kIgnored : PowerButton::kObeyed;
    } else if (name == "agent" && value.is_bool()) {
      options.has_agent = value.as_bool();
    } else if (name == "boot_lines" && value.is_array()) {
      options.boot_lines.clear();
      for (const Json& line : value.items()) options.boot_lines.push_back(line.as_string());
    } else {
      return wrong(name);
    }
  }
  return options;
}

std::unique_ptr<Hypervisor> make_fake_hypervisor(FakeOptions options) {
  return std::make_unique<FakeHypervisor>(std::move(options));
}

}  // namespace cove
