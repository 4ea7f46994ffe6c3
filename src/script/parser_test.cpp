#include "script/parser.h"

#include <gtest/gtest.h>

#include <string>

namespace cove {
namespace {

// A line as text: "want [guards] name <plain|'quoted'...> ... &", to compare whole parses at once.
std::string shape(std::string_view line) {
  const auto parsed = parse_script_line(line);
  if (!parsed.ok()) return "error: " + parsed.error().message();
  if (!*parsed) return "blank";
  const ScriptLine& script = **parsed;
  std::string text;
  if (script.want == ScriptWant::kFailure) text += "! ";
  if (script.want == ScriptWant::kEither) text += "? ";
  for (const auto& guard : script.guards) {
    text += guard.wanted == ScriptGuard::Wanted::kFalse ? "[!" : "[";
    text += std::string(guard.tag) + "] ";
  }
  text += script.name;
  for (const auto& word : script.arguments) {
    text += " <";
    for (const auto& piece : word) {
      if (&piece != word.data()) text += "|";
      const bool quoted = piece.kind == ScriptPiece::Kind::kQuoted;
      text += (quoted ? "'" : "") + std::string(piece.text) + (quoted ? "'" : "");
    }
    text += ">";
  }
  if (script.ground == ScriptLine::Ground::kBackground) text += " &";
  return text;
}

TEST(A3Lexer, SeparatorsAreBlankTabCarriageReturnAndHash) {
  EXPECT_EQ(shape("echo a\tb\rc\r"), "echo <a> <b> <c>");
  EXPECT_EQ(shape("echo a\vb\fc\xc2\xa0"), "echo <a\vb\fc\xc2\xa0>");
  EXPECT_EQ(shape("echo a#b c"), "echo <a>");
  EXPECT_EQ(shape("  # comment it's"), "blank");
  EXPECT_EQ(shape(""), "blank");
  EXPECT_EQ(shape(" \t\r"), "blank");
}

TEST(A3Lexer, BytesAreOrdinary) {
  EXPECT_EQ(shape("echo \xff\x80 \"a b\" a\\ b;|>*~`"), "echo <\xff\x80> <\"a> <b\"> <a\\> <b;|>*~`>");
}

TEST(A3Lexer, Quotes) {
  EXPECT_EQ(shape("echo ''"), "echo <''|>");
  EXPECT_EQ(shape("echo 'a b'"), "echo <'a b'|>");
  EXPECT_EQ(shape("echo a'b c'd"), "echo <a|'b c'|d>");
  EXPECT_EQ(shape("echo 'a''b'"), "echo <'a'|''b'|>");
  EXPECT_EQ(shape("echo '# no comment'"), "echo <'# no comment'|>");
  EXPECT_EQ(shape("echo 'a"), "error: unterminated quoted argument");
  EXPECT_EQ(shape("echo '''"), "error: unterminated quoted argument");
}

TEST(A3Lexer, PrefixesAndConditionsInAnyOrder) {
  EXPECT_EQ(shape("! echo"), "! echo");
  EXPECT_EQ(shape("[a] ? [!b] echo"), "? [a] [!b] echo");
  EXPECT_EQ(shape("! ? echo"), "error: duplicated '!' or '?' token");
  EXPECT_EQ(shape("! ! echo"), "error: duplicated '!' or '?' token");
  EXPECT_EQ(shape("[!!x] echo"), "[!!x] echo");
  EXPECT_EQ(shape("[] echo"), "error: empty condition");
  EXPECT_EQ(shape("[!] echo"), "error: empty condition");
  EXPECT_EQ(shape("[c]cmd x"), "[c]cmd <x>");
  EXPECT_EQ(shape("[GOOS: linux] x"), "[GOOS: <linux]> <x>");
}

TEST(A3Lexer, QuotedFirstWordIsNoCommand) {
  EXPECT_EQ(shape("'hello' echo world"), "echo <'hello'|> <world>");
  EXPECT_EQ(shape("ec'ho' hi"), "hi <ec|'ho'|>");
  EXPECT_EQ(shape("'!' '[x]' echo"), "echo <'!'|> <'[x]'|>");
}

TEST(A3Lexer, MissingCommand) {
  for (const std::string line : {"!", "[x]", "'a'", "! 'a'", "? # x"}) {
    EXPECT_EQ(shape(line), "error: missing command") << line;
  }
}

TEST(A3Lexer, Background) {
  EXPECT_EQ(shape("exec x &"), "exec <x> &");
  EXPECT_EQ(shape("exec x & # why"), "exec <x> &");
  EXPECT_EQ(shape("exec &"), "exec &");
  EXPECT_EQ(shape("exec a& '&' & b"), "exec <a&> <'&'|> <&> <b>");
  EXPECT_EQ(shape("exec '&'"), "exec <'&'|>");
  EXPECT_EQ(shape("exec & &"), "exec <&> &");
  EXPECT_EQ(shape("&"), "&");
}

}  // namespace
}  // namespace cove
