// A home with one finished VM, and the supervisor of it as a process on the fake backend.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "control/control_client.h"
#include "control/launcher.h"
#include "proto/control.pb.h"
#include "store/vm_registry.h"

namespace cove {

inline const OpContext kPatient{{}, Deadline::after(std::chrono::minutes(10))};

class VmFixture : public ::testing::Test {
 protected:
  VmFixture();
  ~VmFixture() override;

  // Environment of the supervisor: COVE_FAKE, COVE_TEST_KILL_AT.
  void set(const std::string& name, const std::string& value);
  Result<LaunchedVm> launch(LaunchRequest::Mode mode = LaunchRequest::Mode::kAttached,
                            std::vector<PortForward> forwards = {});
  ControlClient connect() { return ControlClient::connect(kPatient, vm_).value(); }
  Result<ControlResponse> call(const ControlRequest& request);
  Result<ControlResponse> call(const std::string& type);
  ControlResponse status() { return call("status").value(); }
  bool wait_for(const std::string& fact);
  Result<ControlResponse> stop(const std::string& mode, std::uint64_t timeout_ms = 20000);
  // Waits until nobody holds the run lock.
  Observation after_end();
  std::string log() { return read_file(vm_.supervisor_log()).value_or(""); }

  TempDir temp_;
  VmRegistry registry_;
  VmDirectory vm_;
  VmConfig config_;
  std::vector<std::string> variables_;
};

}  // namespace cove
