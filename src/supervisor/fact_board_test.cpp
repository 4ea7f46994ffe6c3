#include "supervisor/fact_board.h"

#include <gtest/gtest.h>

#include "base/testing/patience.h"
#include "base/thread.h"

namespace cove {
namespace {

using testing::patient;

TEST(FactBoard, StartingOverKeepsTheProcessOnly) {
  FactBoard board({fact::kProcess, fact::kKernel, fact::kAgent});
  for (const auto name : {fact::kProcess, fact::kKernel, fact::kAgent}) board.meet(name, "seen");
  const auto before = board.all();
  board.meet(fact::kAgent, "seen again");
  EXPECT_EQ(board.all()[2].met_at, before[2].met_at);
  board.start_over("the guest rebooted");
  const auto after = board.all();
  EXPECT_TRUE(after[0].met);
  EXPECT_EQ(after[0].evidence, "seen");
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_FALSE(after[i].met);
    EXPECT_EQ(after[i].evidence, "the guest rebooted");
  }
}

TEST(FactBoard, WaitingEndsWithTheFactTheDeadlineOrTheEnd) {
  FactBoard board({fact::kProcess, fact::kAgent});
  EXPECT_EQ(board.wait(patient(), "nonsense").error().code(), Code::kNotFound);
  EXPECT_EQ(board.wait(testing::within(std::chrono::milliseconds(1)), fact::kAgent).error().code(),
            Code::kDeadlineExceeded);
  {
    Thread meets("meets", [&] { board.meet(fact::kAgent, "version 1"); });
    EXPECT_TRUE(board.wait(patient(), fact::kAgent).ok());
  }
  Thread closes("closes", [&] {
    board.close("the vm ended: crash");
    board.close("a later word");
  });
  const auto ended = board.wait(patient(), fact::kProcess);
  EXPECT_EQ(ended.error().code(), Code::kAborted);
  EXPECT_EQ(ended.error().message(), "the vm ended: crash");
  EXPECT_TRUE(board.wait(patient(), fact::kAgent).ok());  // what is true stays so
}

TEST(FactBoard, AGuestThatStandsStillEndsTheWaitsForIt) {
  FactBoard board({fact::kProcess, fact::kAgent});
  board.meet(fact::kProcess, "process 1");
  {
    Thread pauses("pauses", [&] { board.stand_still(); });
    EXPECT_EQ(board.wait(patient(), fact::kAgent).error().code(), Code::kUnavailable);
  }
  board.meet(fact::kAgent, "version 1");
  EXPECT_EQ(board.wait(patient(), fact::kAgent).error().code(), Code::kUnavailable);
  EXPECT_TRUE(board.wait(patient(), fact::kProcess).ok());
  board.go_on();
  EXPECT_TRUE(board.wait(patient(), fact::kAgent).ok());
}

}  // namespace
}  // namespace cove
