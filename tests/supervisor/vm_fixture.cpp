#include "vm_fixture.h"

#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "disk/disk_image.h"

namespace cove {

VmFixture::VmFixture()
    : temp_(TempDir::create("/tmp", "cove-supervisor-test").value()),
      registry_(Home(temp_.path() / "home")),
      vm_(Home(temp_.path() / "home"), VmName::parse("vm").value()) {
  set("COVE_BACKEND", "fake");
  EXPECT_TRUE(registry_.home().create().ok());
  EXPECT_TRUE(registry_.create(vm_.name()).ok());
  config_.root_disk = new_object_id();
  config_.network = NetworkMode::kNone;
  config_.mac = random_mac();
  EXPECT_TRUE(make_directories(registry_.home().disk_nodes()).ok());
  EXPECT_TRUE(DiskImage::create(registry_.home().disk_node(config_.root_disk), DiskFormat::kQcow2,
                                std::uint64_t{1} << 30U)
                  .ok());
  EXPECT_TRUE(vm_.save_config(config_).ok());
  EXPECT_TRUE(vm_.clear_creating().ok());
}

VmFixture::~VmFixture() {
  // The supervisor is another process: its log says what a failed expectation here cannot.
  if (HasFailure()) std::fputs(("--- the supervisor's log:\n" + log()).c_str(), stderr);
  for (const auto& name : variables_) ::unsetenv(name.c_str());
}

void VmFixture::set(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
  variables_.push_back(name);
}

Result<LaunchedVm> VmFixture::launch(LaunchRequest::Mode mode, std::vector<PortForward> forwards) {
  NoProgress progress;
  return launch_vm(kPatient,
                   {.program = COVE_VM_PROGRAM,
                    .home = registry_.home().root(),
                    .vm = "vm",
                    .log_file = vm_.supervisor_log(),
                    .forwards = std::move(forwards),
                    .mode = mode},
                   progress);
}

Result<ControlResponse> VmFixture::call(const ControlRequest& request) {
  auto client = COVE_TRY(ControlClient::connect(kPatient, vm_));
  return client.call(kPatient, request);
}

Result<ControlResponse> VmFixture::call(const std::string& type) {
  ControlRequest request;
  request.set_type(type);
  return call(request);
}

bool VmFixture::wait_for(const std::string& fact) {
  ControlRequest request;
  request.set_type("wait");
  request.mutable_wait()->set_fact(fact);
  request.mutable_wait()->set_timeout_ms(30000);
  const auto response = call(request);
  return response.ok() && response->wait().met();
}

Result<ControlResponse> VmFixture::stop(const std::string& mode, std::uint64_t timeout_ms) {
  ControlRequest request;
  request.set_type("stop");
  request.mutable_stop()->set_mode(mode);
  request.mutable_stop()->set_timeout_ms(timeout_ms);
  return call(request);
}

Observation VmFixture::after_end() {
  SystemClock clock;
  for (int i = 0; i < 5000; ++i) {
    Observation seen = vm_.observe();
    if (!seen.holder) return seen;
    EXPECT_TRUE(clock.sleep(kPatient, std::chrono::milliseconds(2)).ok());
  }
  ADD_FAILURE() << "the run lock is still held";
  return vm_.observe();
}

}  // namespace cove
