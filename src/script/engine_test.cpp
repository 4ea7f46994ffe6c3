#include "script/engine.h"

#include "script/testing/script_fixture.h"

namespace cove {
namespace {

using A2Lines = ScriptTest;
using A4Order = ScriptTest;
using A5Conditions = ScriptTest;
using A5Expansion = ScriptTest;
using A6Status = ScriptTest;
using A8Outcome = ScriptTest;
using A9Log = ScriptTest;
using A10Errors = ScriptTest;
using E5Secrets = ScriptTest;

TEST_F(A2Lines, EveryPhysicalLineCounts) {
  EXPECT_EQ(error_of("\n# it's a section\n  # it's a comment\r\n\nnosuch"),
            "t.txt:5: nosuch: unknown command");
  EXPECT_EQ(out_of("echo last line without LF"), "last line without LF\n");
}

TEST_F(A2Lines, CarriageReturnsStayInTheLog) {
  EXPECT_EQ(log_of("# head\r\necho a\r\n"), "# head\r (0.000s)\n> echo a\r\n[stdout]\na\n");
}

TEST_F(A4Order, ParseErrorsAreLoggedAndEndTheScript) {
  const Outcome outcome = run("echo a\n[GOOS:none] echo 'b\necho c\n");
  EXPECT_EQ(outcome.error, "t.txt:2: unterminated quoted argument");
  EXPECT_EQ(outcome.log, "> echo a\n[stdout]\na\n> [GOOS:none] echo 'b\n");
}

TEST_F(A4Order, FalseConditionStopsTheLineBeforeAnythingElse) {
  EXPECT_EQ(log_of("[GOOS:none] [nosuch] nosuch 1 &"),
            "> [GOOS:none] [nosuch] nosuch 1 &\n[condition not met]\n");
}

TEST_F(A4Order, UnknownAndBackgroundIgnoreThePrefix) {
  EXPECT_EQ(error_of("! nosuch a"), "t.txt:1: nosuch a: unknown command");
  EXPECT_EQ(error_of("? nosuch"), "t.txt:1: nosuch: unknown command");
  EXPECT_EQ(error_of("! echo a &"), "t.txt:1: echo a: command cannot be run in background");
}

TEST_F(A4Order, ForegroundReplacesBothBuffersAndLogsThem) {
  EXPECT_EQ(log_of("echo a\n! exec sh -c 'echo out; echo err >&2; exit 3'\n"),
            "> echo a\n[stdout]\na\n> ! exec sh -c 'echo out; echo err >&2; exit 3'\n"
            "[stdout]\nout\n[stderr]\nerr\n[exit status 3]\n");
  EXPECT_EQ(state_->out(), "out\n");
  EXPECT_EQ(state_->err(), "err\n");
}

TEST_F(A4Order, WithoutWaitFunctionNothingIsLoggedAndBuffersStay) {
  EXPECT_EQ(log_of("echo a\n! rm\n"), "> echo a\n[stdout]\na\n> ! rm\n");
  EXPECT_EQ(state_->out(), "a\n");
}

TEST_F(A4Order, BackgroundEmptiesTheBuffers) { EXPECT_EQ(out_of("echo a\nexec true &\n"), ""); }

TEST_F(A4Order, EndOfContextEndsTheScriptAtTheNextLine) {
  CancelSource cancel;
  restart({}, {cancel.token(), {}});
  engine_.add(ScriptCommand{.name = "cancel", .summary = "", .run = [&](ScriptState&, ScriptArguments) {
                              cancel.cancel();
                              return Result<ScriptStep>(ScriptDone{});
                            }});
  EXPECT_EQ(error_of("\ncancel\n\necho b\n"), "t.txt:2: context canceled");
  restart({}, {{}, Deadline::after(std::chrono::seconds(0))});
  EXPECT_EQ(error_of("echo a\n"), "t.txt:0: context deadline exceeded");
}

TEST_F(A5Conditions, Errors) {
  EXPECT_EQ(error_of("[nosuch] echo"), "t.txt:1: unknown condition \"nosuch\"");
  EXPECT_EQ(error_of("[nosuch:x:y] echo"), "t.txt:1: unknown condition prefix \"nosuch\"");
  EXPECT_EQ(error_of("[root:x] echo"), "t.txt:1: condition \"root\" cannot be used with a suffix");
  EXPECT_EQ(error_of("[GOOS] echo"), "t.txt:1: condition \"GOOS\" requires a suffix");
  EXPECT_EQ(error_of("[compiler:tcc:x] echo"),
            "t.txt:1: evaluating condition \"compiler:tcc:x\": unrecognized compiler \"tcc:x\"");
}

TEST_F(A5Conditions, SuffixMayBeEmptyAndIsNotExpanded) {
  restart({"X=linux"});
  EXPECT_EQ(log_of("[GOOS:] stop\n[GOOS:$X] stop\n"),
            "> [GOOS:] stop\n[condition not met]\n> [GOOS:$X] stop\n[condition not met]\n");
}

TEST_F(A5Expansion, Names) {
  restart({"A=1", "A_b2=long", "1=one", "$=dollar", "?=q", "a b=blank", "A-b=dash", "E=", "S=x  y", "R=$A"});
  EXPECT_EQ(out_of("echo $A ${A} $A_b2 $1 $12 $$ $? x"), "1 1 long one one2 dollar q x\n");
  EXPECT_EQ(state_->expand("<${a b}>", ScriptExpansion::kPlain), "<blank>");
  EXPECT_EQ(out_of("echo ${A-b} x${}y ${/} ${:} $/ $: $ $% a$"), "dash xy / : $/ $: $ $% a$\n");
  EXPECT_EQ(out_of("echo x${A"), "xA\n");
  EXPECT_EQ(out_of("echo $UNSET $E '$A' $S $R"), "  $A x  y $A\n");
}

TEST_F(A5Expansion, ResultsAreNotSplitAndEmptyOnesStay) {
  restart({"S=a b"});
  engine_.add(ScriptCommand{.name = "count", .summary = "", .run = [](ScriptState&, ScriptArguments words) {
                              return Result<ScriptStep>(script_output(std::to_string(words.size())));
                            }});
  EXPECT_EQ(out_of("count $S $UNSET ''"), "3");
}

TEST_F(A5Expansion, CommandNameIsNotExpanded) {
  EXPECT_EQ(error_of("$PATH x"), "t.txt:1: $PATH x: unknown command");
}

TEST_F(A5Expansion, PatternArgumentsQuoteValuesOnly) {
  restart({"V=\\.+*?()|[]{}^$"});
  EXPECT_EQ(state_->expand("a.$V", ScriptExpansion::kPattern),
            "a.\\\\\\.\\+\\*\\?\\(\\)\\|\\[\\]\\{\\}\\^\\$");
  log_of("echo a+$V+b\nstdout ^a.$V.b$\n");
}

TEST_F(A6Status, Prefixes) {
  log_of("! exec false\n? exec false\n? exec true\nexec true\n");
  EXPECT_EQ(error_of("exec false"), "t.txt:1: exec false: exit status 1");
  EXPECT_EQ(error_of("! exec true"), "t.txt:1: exec true: unexpected success");
  EXPECT_EQ(error_of("! mkdir a"), "t.txt:1: mkdir a: unexpected success");
}

TEST_F(A6Status, AnyErrorSatisfiesFailure) { log_of("! stdout (\n! cp\n! cat nosuch\n! exec nosuch\n"); }

TEST_F(A6Status, StopPassesThePrefix) {
  const Outcome outcome = run("! stop\nnosuch\n");
  EXPECT_TRUE(outcome.ok);
  EXPECT_EQ(outcome.end, ScriptEnd::kStopped);
}

TEST_F(A6Status, EndOfContextSatisfiesNoFailure) {
  CancelSource cancel;
  restart({}, {cancel.token(), {}});
  cancel.cancel();
  const Result<void> ended = state_->check_context();
  const ScriptCall call{"t.txt:1", "work", {}, ScriptWant::kFailure};
  ASSERT_TRUE(check_outcome(*state_, call, ended));
  EXPECT_EQ(check_outcome(*state_, call, ended)->message(), "t.txt:1: work: context canceled");
  const Result<void> killed = Error(Code::kUnknown, "signal: killed");
  EXPECT_FALSE(check_outcome(*state_, call, killed));
}

TEST_F(A6Status, ATimeoutOfACommandsOwnIsAnOrdinaryError) {
  engine_.add(ScriptCommand{.name = "late", .summary = "", .run = [](ScriptState&, ScriptArguments) {
                              return Result<ScriptStep>(Error(Code::kDeadlineExceeded, "no answer in 5s"));
                            }});
  log_of("! late\n");
}

TEST_F(A8Outcome, EndsAtTheFirstFailure) {
  const Outcome outcome = run("mkdir a\nexec false\nmkdir b\n");
  EXPECT_EQ(outcome.error, "t.txt:2: exec false: exit status 1");
  EXPECT_TRUE(path_exists(at("a")));
  EXPECT_FALSE(path_exists(at("b")));
}

TEST_F(A8Outcome, EmptyScriptIsFine) {
  EXPECT_EQ(log_of(""), "");
  EXPECT_EQ(log_of("\n\n"), "");
}

TEST_F(A9Log, Sections) {
  EXPECT_EQ(log_of("echo 0\n# one\necho a\n# two\n# three\n\n# four\nsleep 1.5s\n"),
            "> echo 0\n[stdout]\n0\n# one (0.000s)\n> echo a\n[stdout]\na\n# two\n# three\n# four (1.500s)\n"
            "> sleep 1.5s\n");
}

TEST_F(A9Log, OutputGetsNoNewline) {
  EXPECT_EQ(log_of("exec printf abc\nstop\n"), "> exec printf abc\n[stdout]\nabc> stop\nstop\n");
}

TEST_F(A9Log, StopFollowsItsSection) {
  EXPECT_EQ(log_of("# one\nstop 'all done'\n"), "# one (0.000s)\n> stop 'all done'\nstop: all done\n");
  EXPECT_EQ(log_of("stop\n"), "> stop\nstop\n");
}

TEST_F(A9Log, QuietDropsGoodSectionsOnly) {
  const ScriptEngine quiet = make_base_engine(ScriptEngine::Verbosity::kQuiet);
  EXPECT_EQ(run_with(quiet, "echo z\n# one\necho a\n# two\nexec false\n").log,
            "> echo z\n[stdout]\nz\n# one (0.000s)\n# two (0.000s)\n> exec false\n");
  EXPECT_EQ(run_with(quiet, "# one\necho a\n").log, "# one (0.000s)\n");
}

TEST_F(A9Log, WhatTheStateLoggedBeforeComesFirst) {
  state_->log("before\n");
  EXPECT_EQ(log_of("# one\n"), "before\n# one\n");
}

TEST_F(A9Log, AFailingLogEndsTheScript) {
  const auto end = engine_.run(*state_, "t.txt", "echo a\n# one\n", [](std::string_view) -> Result<void> {
    return Error(Code::kDataLoss, "disk full");
  });
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().message(), "t.txt:2: disk full");
}

TEST_F(A10Errors, ArgumentsAreExpandedAndQuoted) {
  restart({"X=v"});
  EXPECT_EQ(error_of("nosuch $X 'a b' it''s 'a#b' '' 'it''s' c"),
            "t.txt:1: nosuch v 'a b' its 'a#b'  'it''s' c: unknown command");
  EXPECT_EQ(error_of("cd"), "t.txt:1: cd: invalid usage");
}

TEST_F(E5Secrets, ValuesOfSecretVariablesNeverShow) {
  restart({"MY_PASSWORD=hunter22", "ApiToken=tok-1234", "SECRET=abc"});
  const Outcome outcome = run(
      "# hunter22\nenv LATER_SECRET=later-value\necho $MY_PASSWORD abc\nexec false $ApiToken later-value\n");
  EXPECT_EQ(outcome.error, "t.txt:4: exec false *** ***: exit status 1");
  EXPECT_EQ(outcome.log,
            "# *** (0.000s)\n> env LATER_SECRET=***\n> echo $MY_PASSWORD abc\n[stdout]\n*** abc\n"
            "> exec false $ApiToken ***\n");
}

TEST_F(E5Secrets, AddedOnesOfAnyLengthLongestFirst) {
  state_->add_secret("ab");
  state_->add_secret("abcd");
  state_->add_secret("");
  EXPECT_EQ(state_->mask("ab abcd abab x"), "*** *** ****** x");
}

}  // namespace
}  // namespace cove
