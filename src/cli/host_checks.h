// `doctor host`: can this host run VMs, and if something is in the way, what cures it. Each check looks at
// one thing and may run a program; nothing is changed. One thread, blocking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/environment.h"

namespace cove {

// An image, the scratch folder of its build, a first VM.
inline constexpr std::uint64_t kDiskToBegin = std::uint64_t{5} << 30U;

enum class Verdict : unsigned char { kOk, kWarn, kFail };
std::string_view to_string(Verdict verdict);  // OK, WARN, FAIL

struct HostCheck {
  std::string name;
  Verdict verdict = Verdict::kOk;
  std::string finding;
  std::string cure;  // empty when OK
};

std::vector<HostCheck> check_host(const OpContext& ctx, const Environment& env);

// Parts that can be tried without the host. "QEMU emulator version 7.2.22 (Debian...)" -> "7.2.22".
std::string qemu_version_from(std::string_view first_line);
// Whether a version is at least major.minor.
bool version_at_least(std::string_view version, unsigned major, unsigned minor);

}  // namespace cove
