#include "base/hole_filter.h"

#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace cove {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kThisArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kThisArch = AUDIT_ARCH_AARCH64;
#else
#error "say which arch system calls are of here"
#endif

// Both architectures are little-endian: the low half of an argument comes first.
constexpr std::uint32_t low_of(unsigned argument) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
}
constexpr std::uint32_t high_of(unsigned argument) { return low_of(argument) + 4; }

constexpr sock_filter load(std::uint32_t at) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, at}; }
// Jumps are counted from the next instruction.
constexpr sock_filter unless_equal(std::uint32_t value, std::uint8_t skip) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value};
}
constexpr sock_filter unless_bit(std::uint32_t bit, std::uint8_t skip) {
  return {BPF_JMP | BPF_JSET | BPF_K, 0, skip, bit};
}
constexpr sock_filter if_at_least(std::uint32_t value, std::uint8_t skip) {
  return {BPF_JMP | BPF_JGE | BPF_K, skip, 0, value};
}
constexpr sock_filter answer(std::uint32_t action) { return {BPF_RET | BPF_K, 0, 0, action}; }

// fallocate(fd, mode, offset, length)
constexpr unsigned kMode = 1;
constexpr unsigned kLength = 3;
constexpr std::array kFilter = {
    load(offsetof(seccomp_data, arch)),
    unless_equal(kThisArch, 9),
    load(offsetof(seccomp_data, nr)),
    unless_equal(__NR_fallocate, 7),
    load(low_of(kMode)),
    unless_bit(FALLOC_FL_PUNCH_HOLE, 5),
    load(high_of(kLength)),
    unless_equal(0, 3),
    load(low_of(kLength)),
    if_at_least(kSmallestHole, 1),
    answer(SECCOMP_RET_ERRNO | EOPNOTSUPP),
    answer(SECCOMP_RET_ALLOW),
};

}  // namespace

bool refuse_small_holes() {
  const sock_fprog program{kFilter.size(), const_cast<sock_filter*>(kFilter.data())};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

}  // namespace cove
