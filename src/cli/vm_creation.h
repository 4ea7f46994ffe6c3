// From flags to an installed VM: the image, then the VM's files; shared by up and install.
#pragma once

#include "base/progress.h"
#include "cli/command.h"
#include "model/vm_config.h"
#include "store/vm_directory.h"

namespace cove {

enum class Creation : unsigned char { kMade, kFinished, kWasThere };

struct CreatedVm {
  VmDirectory directory;
  Creation how;
  std::string hint{};  // about its image, for the user; mostly empty
};

// Makes the VM, or finishes an interrupted creation, or waits for another process that is at it. A VM that is
// there stays as it is.
Result<CreatedVm> ensure_vm(Invocation& inv, const VmName& name, const VmConfig& wanted, Progress& progress);

}  // namespace cove
