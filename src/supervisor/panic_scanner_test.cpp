#include "supervisor/panic_scanner.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

TEST(PanicScanner, FindsTheKernelsOwnLineOnly) {
  EXPECT_EQ(panic_reason("[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on x"),
            "VFS: Unable to mount root fs on x");
  EXPECT_EQ(panic_reason("Kernel panic - not syncing: sysrq triggered crash\r"), "sysrq triggered crash");
  EXPECT_EQ(panic_reason("Kernel panic - not syncing"), "");
  EXPECT_FALSE(panic_reason("# grep 'Kernel panic - not syncing: x' /var/log/kern.log"));
  EXPECT_FALSE(panic_reason("[  OK  ] Kernel panic - not syncing: a unit's name"));
  EXPECT_FALSE(panic_reason("[    1.2] ---[ end Kernel panic - not syncing: x ]---"));
  EXPECT_EQ(panic_reason("web login: [   12.5] Kernel panic - not syncing: Attempted to kill init!"),
            "Attempted to kill init!");
  EXPECT_FALSE(panic_reason("web login: Kernel panic - not syncing: typed"));
  EXPECT_FALSE(panic_reason("[12] Kernel panic - not syncing: no time"));
  EXPECT_FALSE(panic_reason("["));
  EXPECT_FALSE(panic_reason(""));
}

TEST(PanicScanner, LinesComeInPiecesAndMayBeEndless) {
  PanicScanner scanner;
  EXPECT_FALSE(scanner.push("[    1.2] Kernel pa"));
  EXPECT_FALSE(scanner.push("nic - not syncing: no init"));
  EXPECT_EQ(scanner.push("\r\nnext"), "no init");
  EXPECT_FALSE(scanner.push("\n"));
  EXPECT_FALSE(scanner.push(std::string(1'000'000, 'x')));
  EXPECT_EQ(scanner.push("\nKernel panic - not syncing: a\nKernel panic - not syncing: b\n"), "a");
}

}  // namespace
}  // namespace cove
