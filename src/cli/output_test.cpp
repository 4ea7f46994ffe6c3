#include "cli/output.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/io.h"
#include "cli/progress_line.h"
#include "cli/wait_report.h"

namespace cove {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Output, tables_are_left_aligned_and_count_letters_not_bytes) {
  EXPECT_EQ(format_table({{"NAME", "STATE"}, {"a-long-one", "ok"}, {"é", ""}}),
            "NAME        STATE\na-long-one  ok\né\n");
}

TEST(Output, errors_as_lines_and_as_json) {
  const auto error = Error(Code::kNotFound, "no vm named \"x\"").hint("see them all: cove list\nor make one");
  EXPECT_EQ(format_error(error),
            "cove: no vm named \"x\"\nhint: see them all: cove list\nhint: or make one\n");
  EXPECT_EQ(format_error_json(error),
            "{\"error\":{\"code\":\"not_found\",\"message\":\"no vm named \\\"x\\\"\",\"hint\":\"see them "
            "all: cove "
            "list\\nor make one\"}}\n");
}

TEST(Output, foreign_text_cannot_steer_the_terminal) {
  EXPECT_EQ(printable("a\x1b[31mb\tc\x7f\n"), "a\\x1b[31mb\tc\\x7f\n");
  EXPECT_EQ(printable("grüße"), "grüße");
}

TEST(Output, a_reader_that_went_away_is_remembered) {
  ASSERT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
  auto [read_end, write_end] = make_pipe().value();
  read_end.reset();
  Output out(write_end.get(), write_end.get());
  out.print("text");
  out.flush();
  ASSERT_TRUE(out.failure().has_value());
  EXPECT_EQ(out.failure()->error_number(), EPIPE);
}

TEST(Progress, text_has_bytes_rate_and_time) {
  EXPECT_EQ(progress_text(0, 0, milliseconds(200)), "");
  EXPECT_EQ(progress_text(0, 0, seconds(3)), "3 s");
  EXPECT_EQ(progress_text(std::uint64_t{20} << 20U, std::uint64_t{100} << 20U, seconds(4)),
            "20.0 MB of 100.0 MB, 5.0 MB/s, 4 s");
}

TEST(Progress, plain_lines_where_there_is_no_terminal) {
  auto [read_end, write_end] = make_pipe().value();
  {
    const auto progress = make_progress(write_end.get());
    progress->step("building");
    progress->amount(1, 2);
    progress->step("booting");
  }
  write_end.reset();
  EXPECT_EQ(read_to_end({}, read_end.get(), 4096).value(), "building\nbooting\n");
}

TEST(WaitReport, names_the_missing_fact_the_evidence_and_the_next_command) {
  WaitOutcome outcome;
  outcome.missing = {"agent", "user"};
  outcome.facts = {{"process", true, "", "pid 7"}, {"agent", false, "", "no answer on the link"}};
  outcome.console_tail = {"Kernel panic"};
  const auto error = unmet_error("web", "user", seconds(90), outcome);
  EXPECT_EQ(error.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(error.message(),
            "vm \"web\" runs, but the fact 'agent' did not come within 1m30s\n  process: yes, pid 7\n"
            "  agent: no, no answer on the link\nlast lines of its console:\n  | Kernel panic");
  EXPECT_NE(error.hint_text().find("cove logs web"), std::string::npos);
}

}  // namespace
}  // namespace cove
