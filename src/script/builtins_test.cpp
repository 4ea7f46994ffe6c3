#include "script/builtins.h"

#include <sys/stat.h>
#include <unistd.h>

#include "script/diff.h"
#include "script/integer.h"
#include "script/quote.h"
#include "script/testing/script_fixture.h"

namespace cove {
namespace {

using A12Files = ScriptTest;
using A12Text = ScriptTest;
using A12Help = ScriptTest;
using A13Conditions = ScriptTest;
using A14Forms = ScriptTest;

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

TEST(A12Commands, TheSetIsComplete) {
  const ScriptEngine engine = make_base_engine();
  std::string names;
  for (const auto& [name, command] : engine.commands()) names += name + " ";
  EXPECT_EQ(
      names,
      "cat cd chmod cmp cmpenv cp echo env exec exists grep help mkdir mv replace rm sleep stderr stdout "
      "stop symlink wait ");
  names.clear();
  for (const auto& [name, condition] : engine.conditions()) names += name + " ";
  EXPECT_EQ(names, "GOARCH GOOS compiler root ");
}

TEST_F(A12Files, UsageErrors) {
  for (const std::string line : {"cat",           "cd",          "cd a b",      "chmod 0644", "cmp a",
                                 "cmp -q a",      "cmp a b c",   "cp a",        "exec",       "exists",
                                 "exists -exec",  "grep a",      "grep a b c",  "mkdir",      "mv a",
                                 "replace",       "replace a b", "rm",          "sleep",      "sleep 1s 2s",
                                 "stdout",        "stdout a b",  "stdout -- x", "stop a b",   "symlink a b",
                                 "symlink a = b", "wait x"}) {
    const std::string arguments = line.find(' ') == std::string::npos ? "" : line.substr(line.find(' '));
    EXPECT_EQ(error_of(line), "t.txt:1: " + line.substr(0, line.find(' ')) + arguments + ": invalid usage");
  }
}

TEST_F(A12Files, Cat) {
  write("a", "1\n");
  write("b", "2");
  EXPECT_EQ(out_of("cat a b a"), "1\n21\n");
  EXPECT_EQ(error_of("cat a nosuch b"),
            "t.txt:1: cat a nosuch b: open " + at("nosuch") + ": no such file or directory");
  EXPECT_EQ(state_->out(), "1\n");
  EXPECT_EQ(error_of("cat a ."), "t.txt:1: cat a .: read " + work_.path().string() + ": is a directory");
}

TEST_F(A12Files, CatOfAPipeEndsWithTheContext) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(50)));
  EXPECT_EQ(error_of("! cat pipe"), "t.txt:1: cat pipe: context deadline exceeded");
}

TEST_F(A12Files, Chmod) {
  write("a", "");
  write("b", "");
  log_of("chmod 0604 a b\n");
  EXPECT_EQ(mode_of(at("b")), 0604U);
  for (const std::string mode :
       {"644", "u+x", "01000", "0o1000", "", "08", "0x", "-1", "4294967296", "6__4"}) {
    EXPECT_EQ(run("chmod '" + mode + "' a").error, "t.txt:1: chmod " + mode + " a: invalid mode: " + mode);
  }
  EXPECT_EQ(error_of("chmod 0 nosuch"),
            "t.txt:1: chmod 0 nosuch: chmod " + at("nosuch") + ": no such file or directory");
}

TEST_F(A12Files, Copy) {
  write("a", "A");
  log_of(
      "chmod 0600 a\nmkdir d\nexec sh -c 'echo out; echo err >&2'\ncp a b\ncp a stdout stderr d\ncp stdout "
      "o\n");
  EXPECT_EQ(read("b"), "A");
  EXPECT_EQ(mode_of(at("b")), 0600U);
  EXPECT_EQ(read("d/a"), "A");
  EXPECT_EQ(read("d/stdout"), "out\n");
  EXPECT_EQ(read("d/stderr"), "err\n");
  EXPECT_EQ(read("o"), "out\n");
  log_of("chmod 0644 b\nchmod 0400 a\nchmod 0755 d\nexists b\ncp o b\n");
  EXPECT_EQ(mode_of(at("b")), 0644U);
  EXPECT_EQ(error_of("cp a b o"), "t.txt:1: cp a b o: cp " + at("o") + ": destination is not a directory");
  EXPECT_EQ(error_of("cp d e"), "t.txt:1: cp d e: read " + at("d") + ": is a directory");
  EXPECT_EQ(error_of("cp nosuch e"),
            "t.txt:1: cp nosuch e: stat " + at("nosuch") + ": no such file or directory");
}

TEST_F(A12Files, Exists) {
  write("w", "");
  log_of(
      "mkdir d\nsymlink bad -> nosuch\nexists w d\nchmod 0444 w\nexists -readonly w\nchmod 0555 w\n"
      "exists -exec -readonly w\n");
  EXPECT_EQ(error_of("exists bad"), "t.txt:1: exists bad: stat " + at("bad") + ": no such file or directory");
  log_of("chmod 0664 w");
  EXPECT_EQ(error_of("exists -readonly w"),
            "t.txt:1: exists -readonly w: " + at("w") + " exists but is writable");
  EXPECT_EQ(error_of("exists -exec w"),
            "t.txt:1: exists -exec w: " + at("w") + " exists but is not executable");
}

TEST_F(A12Files, MakeMoveRemoveLink) {
  log_of("mkdir a/b/c a\nmv a/b x\nexists x/c\n! exists a/b\nsymlink l -> x/c\nexists l\n");
  EXPECT_EQ(std::filesystem::read_symlink(at("l")), "x/c");
  EXPECT_EQ(error_of("symlink l -> y"), "t.txt:1: symlink l -> y: symlink y " + at("l") + ": file exists");
  write("file", "");
  EXPECT_EQ(error_of("mkdir file"), "t.txt:1: mkdir file: mkdir " + at("file") + ": not a directory");
  EXPECT_EQ(error_of("mv nosuch z"),
            "t.txt:1: mv nosuch z: rename " + at("nosuch") + " " + at("z") + ": no such file or directory");
  log_of("chmod 0500 x\nrm x l nosuch file\n! exists x\n");
}

TEST_F(A12Files, RemoveTakesClosedDirectoriesAndLeavesLinkTargets) {
  write("kept", "k");
  log_of("mkdir d/e\nsymlink d/link -> ../kept\nchmod 0 d/e\nchmod 0444 d\nrm d\n! exists d\nexists kept\n");
}

TEST_F(A12Text, CompareLogsTheDifference) {
  write("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  write("b", "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten");
  const Outcome outcome = run("cmp a b");
  EXPECT_EQ(outcome.error, "t.txt:1: cmp a b: a and b differ");
  EXPECT_EQ(
      outcome.log,
      "> cmp a b\ndiff a b\n--- a\n+++ b\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n"
      "\\ No newline at end of file\n\n");
  EXPECT_EQ(run("cmp -q a b").log, "> cmp -q a b\n");
  log_of("cmp a a\ncat a\ncmp stdout a\n! cmp stderr a\n! cmp a stdout\n");
}

TEST(UnifiedDiff, Hunks) {
  EXPECT_EQ(unified_diff("a", "same\n", "b", "same\n"), "");
  EXPECT_EQ(unified_diff("a", "", "b", "x\n"), "diff a b\n--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n");
  EXPECT_EQ(unified_diff("a", "x\n", "b", ""), "diff a b\n--- a\n+++ b\n@@ -1,1 +0,0 @@\n-x\n");
  std::string before;
  for (int i = 1; i <= 20; ++i) before += std::to_string(i) + "\n";
  std::string after = before;
  after.replace(after.find("3\n"), 1, "three");
  after.replace(after.find("18\n"), 2, "eighteen");
  EXPECT_EQ(unified_diff("a", before, "b", after),
            "diff a b\n--- a\n+++ b\n@@ -1,6 +1,6 @@\n 1\n 2\n-3\n+three\n 4\n 5\n 6\n"
            "@@ -15,6 +15,6 @@\n 15\n 16\n 17\n-18\n+eighteen\n 19\n 20\n");
}

TEST(UnifiedDiff, VeryLargeMiddlesAreOneReplacement) {
  const auto both = [](int lines) {
    std::string a;
    std::string b;
    for (int i = 0; i < lines; ++i) {
      a += i == lines / 2 ? "common\n" : "a\n";
      b += i == lines / 2 ? "common\n" : "b\n";
    }
    return unified_diff("a", a, "b", b);
  };
  EXPECT_NE(both(300).find("\n common\n"), std::string::npos);
  const std::string large = both(3000);
  EXPECT_NE(large.find("@@ -1,3000 +1,3000 @@\n"), std::string::npos);
  EXPECT_NE(large.find("\n-common\n"), std::string::npos);
  EXPECT_NE(large.find("\n+common\n"), std::string::npos);
}

TEST_F(A12Text, CompareEnvExpandsBoth) {
  write("a", "$X ${X}!");
  write("b", "v $X!");
  log_of("env X=v\n! cmp a b\ncmpenv a b\n");
  EXPECT_EQ(error_of("env X=v\ncmpenv a nosuch"),
            "t.txt:2: cmpenv a nosuch: open " + at("nosuch") + ": no such file or directory");
}

TEST_F(A12Text, Echo) {
  EXPECT_EQ(out_of("echo"), "\n");
  EXPECT_EQ(out_of("echo -n a 'b  c'"), "-n a b  c\n");
}

TEST_F(A12Text, EnvKeepsTheBuffersWhenItOnlySets) {
  EXPECT_EQ(out_of("echo a\nenv X=1 Y=2=3 Z="), "a\n");
  EXPECT_EQ(out_of("env X W=5 Y Z UNSET"), "X=1\nY=2=3\nZ=\nUNSET=\n");
  EXPECT_EQ(out_of("echo $W"), "5\n");
}

TEST_F(A12Text, Replace) {
  const auto replaced = [&](std::string_view text, const std::string& arguments) {
    write("f", text);
    log_of("replace " + arguments + " f");
    return read("f");
  };
  EXPECT_EQ(replaced("abcabc", "a x b yy"), "xyycxyyc");
  EXPECT_EQ(replaced("abab", "ab 1 a 2"), "11");
  EXPECT_EQ(replaced("abab", "a 2 ab 1"), "2b2b");
  EXPECT_EQ(replaced("aa", "a aa aa b"), "aaaa");
  EXPECT_EQ(replaced("abc", "'' X"), "XaXbXcX");
  EXPECT_EQ(replaced("abc", "'' X b Y"), "XaXYXcX");
  EXPECT_EQ(replaced("a\tb\n", "\\t \\n \\n ''"), "a\nb");
  EXPECT_EQ(replaced("keep", ""), "keep");
  EXPECT_EQ(error_of("replace \\q x f"), "t.txt:1: replace \\q x f: invalid syntax");
  EXPECT_EQ(error_of("replace x \" f"), "t.txt:1: replace x \" f: invalid syntax");
  EXPECT_EQ(error_of("replace nosuch"),
            "t.txt:1: replace nosuch: open " + at("nosuch") + ": no such file or directory");
}

TEST_F(A12Text, SleepAndItsErrors) {
  EXPECT_EQ(out_of("echo a\nsleep 0\nsleep -1s\n"), "");
  EXPECT_EQ(error_of("sleep 5"), "t.txt:1: sleep 5: time: missing unit in duration \"5\"");
}

TEST_F(A12Help, ListsEverything) {
  const std::string text = out_of("help");
  EXPECT_EQ(text.substr(0, 32), "conditions:\n\n[GOARCH:*]\n\tthe hos");
  EXPECT_NE(text.find("\n\ncommands:\n\ncat files...\n\twrite"), std::string::npos);
  EXPECT_NE(text.find("\nexec program [args...] [&]\n\trun a"), std::string::npos);
  EXPECT_EQ(text.find(" (active)") != std::string::npos, ::geteuid() == 0);
  EXPECT_EQ(text.find("no shell"), std::string::npos);
  EXPECT_NE(out_of("help -v").find(
                "wait for it\n\n\tA name without a slash is looked up in the script's $PATH.\n\tThere"),
            std::string::npos);
}

TEST_F(A12Help, NamedOnes) {
  EXPECT_EQ(
      out_of("help mkdir"),
      "mkdir path...\n\tmake directories and their parents\n\n\tA directory that exists is no error.\n\n");
  const std::string conditions = out_of("help [GOOS:linux] [GOOS] [GOOS:none]");
  EXPECT_EQ(conditions.substr(0, 24), "[GOOS:linux] (active)\n\tt");
  EXPECT_NE(conditions.find("\n[GOOS:*]\n\tt"), std::string::npos);
  EXPECT_NE(conditions.find("\n[GOOS:none]\n\tt"), std::string::npos);
}

TEST_F(A12Help, UnknownNames) {
  EXPECT_EQ(error_of("help mkdir nosuch"), "t.txt:1: help mkdir nosuch: unknown command \"nosuch\"");
  EXPECT_EQ(out_of("help '[nosuch]' [root:x]"), "");
}

TEST_F(A13Conditions, Base) {
  log_of("[!GOOS:linux] stop\n[GOOS:darwin] nosuch\n[!compiler:gccgo] [!compiler:gc] echo yes\nstdout yes\n");
  EXPECT_EQ(log_of("[root] echo root").find("[condition not met]") == std::string::npos, ::geteuid() == 0);
  for (const std::string name : {"linux", "amd64", "short", "net", "unix"}) {
    EXPECT_EQ(error_of("[" + name + "] echo"), "t.txt:1: unknown condition \"" + name + "\"");
  }
  EXPECT_EQ(error_of("[exec:sh] echo"), "t.txt:1: unknown condition prefix \"exec\"");
}

TEST_F(A14Forms, Integers) {
  for (const std::string_view text :
       {"0644", "0o644", "0x1a4", "0X1A4", "420", "0b110100100", "4_2_0", "0_644", "0x_1a4"}) {
    EXPECT_EQ(parse_go_integer(text), 420U) << text;
  }
  EXPECT_EQ(parse_go_integer("0"), 0U);
  EXPECT_EQ(parse_go_integer("4294967295"), 4294967295U);
  for (const std::string_view text : {"", "_1", "1_", "1__0", "0x", "0b2", "09", "+1", "4294967296", "1 "}) {
    EXPECT_FALSE(parse_go_integer(text)) << text;
  }
}

TEST_F(A14Forms, ReplaceEscapes) {
  EXPECT_EQ(*unescape("\\a\\b\\f\\n\\r\\t\\v\\\\\\\""), "\a\b\f\n\r\t\v\\\"");
  EXPECT_EQ(*unescape("\\101\\377\\x41\\xff\\u00e9\\U0001F600"),
            "A\xff"
            "A\xff"
            "\u00e9\U0001F600");
  for (const std::string_view text : {"\\'", "\\", "\\1", "\\12", "\\400", "\\8", "\\x4", "\\xg0", "\\u12",
                                      "\\ud800", "\\U00110000", "\\q", "\"", "a\nb", "\\x+1"}) {
    EXPECT_FALSE(unescape(text).ok()) << text;
  }
}

TEST_F(A14Forms, QuotedForms) {
  EXPECT_EQ(quote_double("a\"\\\n\x01\x7f\xff\u00e9\u200b\U0001F600"),
            "\"a\\\"\\\\\\n\\x01\\x7f\\xff\u00e9\\u200b\U0001F600\"");
  EXPECT_EQ(quote_back("a\\\"\t\u00e9"), "`a\\\"\t\u00e9`");
  EXPECT_EQ(quote_back("a`"), "\"a`\"");
  EXPECT_EQ(quote_back("\xff"), "\"\\xff\"");
}

}  // namespace
}  // namespace cove
