#include "control/line_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/io.h"

namespace cove {
namespace {

struct Pipe {
  explicit Pipe(std::string_view text) {
    auto ends = make_pipe();
    read = std::move(ends->first);
    UniqueFd write = std::move(ends->second);
    EXPECT_TRUE(write_all({}, write.get(), text).ok());
  }
  UniqueFd read;
};

TEST(LineReader, SplitsTrimsAndSkipsEmptyLines) {
  const Pipe pipe("  one \r\n\n \t\ntwo\nthree");
  LineReader reader(100);
  EXPECT_EQ(reader.next({}, pipe.read.get()).value().value(), "one");
  EXPECT_EQ(reader.next({}, pipe.read.get()).value().value(), "two");
  EXPECT_EQ(reader.next({}, pipe.read.get()).value().value(), "three");
  EXPECT_FALSE(reader.next({}, pipe.read.get()).value().has_value());
}

TEST(LineReader, RefusesALineOverTheLimitAndTakesOneAtIt) {
  const Pipe at_limit(std::string(100, 'x') + "\n");
  LineReader reader(100);
  EXPECT_EQ(reader.next({}, at_limit.read.get()).value()->size(), 100U);
  const Pipe over(std::string(101, 'x') + "\n");
  EXPECT_EQ(reader.next({}, over.read.get()).error().code(), Code::kResourceExhausted);
  const Pipe endless(std::string(30000, 'x'));
  LineReader second(20000);
  EXPECT_EQ(second.next({}, endless.read.get()).error().code(), Code::kResourceExhausted);
}

TEST(LineReader, GivesBackWhatFollowsALine) {
  const Pipe pipe("line\nraw bytes");
  LineReader reader(100);
  EXPECT_EQ(reader.next({}, pipe.read.get()).value().value(), "line");
  EXPECT_EQ(reader.take_rest(), "raw bytes");
}

TEST(LineReader, ObeysItsDeadline) {
  auto ends = make_pipe();
  LineReader reader(100);
  const OpContext ctx{{}, Deadline::after(std::chrono::milliseconds(20))};
  EXPECT_EQ(reader.next(ctx, ends->first.get()).error().code(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace cove
