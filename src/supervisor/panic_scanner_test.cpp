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

TEST(PanicScanner, AnExcerptBeginsWithTheLastMessageAndIsNoLongerThanAsked) {
  const std::vector<std::string> lines{"[    0.1] Kernel panic - not syncing: first",
                                       "login:",
                                       "[    1.2] Kernel panic - not syncing: second",
                                       "CPU: 0",
                                       "Call Trace:",
                                       "RSP: 0"};
  const auto excerpt = panic_excerpt(lines, 3);
  ASSERT_TRUE(excerpt);
  EXPECT_EQ(excerpt->reason, "second");
  EXPECT_EQ(excerpt->lines, std::vector<std::string>(lines.begin() + 2, lines.begin() + 5));
  EXPECT_EQ(panic_excerpt(lines, 40)->lines.size(), 4U);
  EXPECT_FALSE(panic_excerpt({"login:"}, 40));
  EXPECT_FALSE(panic_excerpt({}, 40));
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
