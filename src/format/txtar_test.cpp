#include "format/txtar.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

using Files = std::vector<TxtarFile>;

TEST(A16Txtar, CommentThenFiles) {
  const auto archive = parse_txtar("exec x\n-- a.txt --\none\n-- b/c --\n\n-- empty --\n");
  EXPECT_EQ(archive.comment, "exec x\n");
  EXPECT_EQ(archive.files, (Files{{"a.txt", "one\n"}, {"b/c", "\n"}, {"empty", ""}}));
}

TEST(A16Txtar, MarkersThatAreContent) {
  for (const std::string line :
       {" -- x --", "-- x -- ", "--x --", "-- x--", "-- --", "--  --", "--   --", "-- x --x", "x-- x --"}) {
    const auto archive = parse_txtar(line + "\n");
    EXPECT_TRUE(archive.files.empty()) << line;
    EXPECT_EQ(archive.comment, line + "\n");
  }
}

TEST(A16Txtar, NamesAreTrimmedAndMayHoldMarkers) {
  EXPECT_EQ(parse_txtar("-- a -- b --").files[0].name, "a -- b");
  EXPECT_EQ(parse_txtar("--   x\t --\n").files[0].name, "x");
  EXPECT_EQ(parse_txtar("-- \u00a0\u3000x\u2028 --\n").files[0].name, "x");
}

TEST(A16Txtar, FinalNewlineIsAddedToTheLastPartOnly) {
  EXPECT_EQ(parse_txtar("hello").comment, "hello\n");
  EXPECT_EQ(parse_txtar("").comment, "");
  EXPECT_EQ(parse_txtar("-- a --\nx").files, (Files{{"a", "x\n"}}));
  EXPECT_EQ(parse_txtar("x\n-- a --").files, (Files{{"a", ""}}));
}

TEST(A16Txtar, DuplicatesAreKeptInOrder) {
  EXPECT_EQ(parse_txtar("-- a --\n1\n-- a --\n2\n").files, (Files{{"a", "1\n"}, {"a", "2\n"}}));
}

TEST(A16Txtar, CarriageReturnAfterAMarkerIsAccepted) {
  const auto archive = parse_txtar("echo x\r\n-- f --\r\ndata\r\n");
  EXPECT_EQ(archive.comment, "echo x\r\n");
  EXPECT_EQ(archive.files, (Files{{"f", "data\r\n"}}));
}

TEST(A16Txtar, FormatAddsNewlinesAndRoundTrips) {
  const TxtarArchive archive{"comment", {{"a", "no newline"}, {"b", ""}, {"c d", "x\n"}}};
  const std::string text = format_txtar(archive);
  EXPECT_EQ(text, "comment\n-- a --\nno newline\n-- b --\n-- c d --\nx\n");
  EXPECT_EQ(format_txtar(parse_txtar(text)), text);
  EXPECT_EQ(format_txtar({}), "");
}

}  // namespace
}  // namespace cove
