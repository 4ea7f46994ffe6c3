#include "cli/fetch_end.h"

#include <gtest/gtest.h>

#include "base/io.h"

namespace cove {
namespace {

class FetchEnd : public ::testing::Test {
 protected:
  class Steps final : public Progress {
   public:
    void step(std::string_view what) override { said.emplace_back(what); }
    void amount(std::uint64_t, std::uint64_t) override {}
    std::vector<std::string> said;
  } steps_;

  // A builder that says "begun", is cancelled then, and ends as `script` does.
  Error end(const std::string& script, std::chrono::milliseconds patience) {
    auto [read_end, write_end] = make_pipe().value();
    SpawnOptions options;
    options.argv = {"bash", "-c",
                    script + R"(; printf '{"step":"begun"}\n{"st'; while :; do sleep 0.02; done)"};
    options.descriptors = {{1, write_end.get()}};
    options.session = SpawnOptions::Session::kNewGroup;
    auto fetch = Process::spawn(options).value();
    write_end.reset();
    FetchLines lines(read_end.get());
    const CancelSource cancel;
    CancelAtFirstStep progress(cancel, steps_);
    auto told = lines.read({cancel.token(), {}}, progress);
    EXPECT_EQ(told.error().code(), Code::kCancelled);
    return end_fetch(fetch, lines, patience, steps_, std::move(told).error());
  }

 private:
  class CancelAtFirstStep final : public Progress {
   public:
    CancelAtFirstStep(const CancelSource& cancel, Progress& next) : cancel_(cancel), next_(next) {}
    void step(std::string_view what) override {
      next_.step(what);
      cancel_.cancel();
    }
    void amount(std::uint64_t, std::uint64_t) override {}

   private:
    const CancelSource& cancel_;
    Progress& next_;
  };
};

TEST_F(FetchEnd, WhatTheBuilderCouldNotRemoveIsTold) {
  const Error error = end(R"(trap 'printf "ep\":\"x\"}\n"; sleep 0.2;
      echo "{\"error\":{\"code\":\"cancelled\",\"message\":\"c\",\"hint\":\"left behind: F\"}}"; exit 130' TERM)",
                          std::chrono::minutes(1));
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_EQ(error.hint_text(), "left behind: F");
  EXPECT_EQ(steps_.said, (std::vector<std::string>{"begun", "cleaning up"}));
}

TEST_F(FetchEnd, NothingIsSaidOfAnEndThatLeavesNothing) {
  const Error error = end("trap 'exit 130' TERM", std::chrono::minutes(1));
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_EQ(error.hint_text(), "");
}

TEST_F(FetchEnd, ABuilderThatDoesNotEndIsKilledAndThatIsTold) {
  const Error error = end("trap '' TERM", std::chrono::milliseconds(100));
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_NE(error.hint_text().find("the next build removes them"), std::string::npos);
}

}  // namespace
}  // namespace cove
