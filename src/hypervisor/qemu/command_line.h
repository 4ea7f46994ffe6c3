// command_line: MachineSpec -> the arguments of QEMU. Pure; held by goldens in tests/golden/argv.
#pragma once

#include <string>
#include <vector>

#include "model/machine_spec.h"

namespace cove {

// What belongs to one engine process and not to the machine: numbers of the descriptors it inherits.
struct QemuLaunch {
  std::string binary;
  std::string ram_path;  // as QEMU shall open it
  // kBoot: shared memory, and it starts from reset. kState: the memory's file is mapped privately, and QEMU
  // waits to be told what to load.
  enum class Origin : unsigned char { kBoot, kState } origin = Origin::kBoot;
  int qmp_fd = 3;
  int console_fd = 4;
  int agent_fd = 5;
  int net_fd = 6;
};

std::vector<std::string> qemu_command_line(const MachineSpec& spec, const QemuLaunch& launch);

}  // namespace cove
