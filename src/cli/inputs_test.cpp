// What users and files give to commands: forwards, setup scripts, cove-fetch's lines, mirrors, logs.
#include <gtest/gtest.h>

#include "base/files.h"
#include "cli/fetch_lines.h"
#include "cli/forward_flag.h"
#include "cli/host_checks.h"
#include "cli/host_mirror.h"
#include "cli/log_follower.h"
#include "cli/setup_script.h"

namespace cove {
namespace {

TEST(ForwardFlag, its_three_spellings) {
  EXPECT_EQ(*parse_forward_flag("8080:80"), (PortForward{"127.0.0.1", 8080, 80}));
  EXPECT_EQ(*parse_forward_flag("22"), (PortForward{"127.0.0.1", 0, 22}));
  EXPECT_EQ(*parse_forward_flag("127.0.0.2:1:2"), (PortForward{"127.0.0.2", 1, 2}));
}

TEST(ForwardFlag, refuses_what_would_not_work_or_would_open_the_host) {
  for (const char* text :
       {"", "a:80", "80:0", "80:65536", "1:2:3:4", "0.0.0.0:80:80", "192.168.1.1:1:2", ":80", "80:"}) {
    EXPECT_FALSE(parse_forward_flag(text).ok()) << text;
  }
}

TEST(SetupScript, blank_lines_and_comments_are_no_commands) {
  const auto lines = parse_setup_script("# first\n\napt-get update\r\n  echo '#no comment'\n").value();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].number, 3U);
  EXPECT_EQ(lines[0].text, "apt-get update");
  EXPECT_EQ(lines[1].text, "echo '#no comment'");
  EXPECT_FALSE(parse_setup_script(std::string("a\0b", 3)).ok());
  EXPECT_FALSE(parse_setup_script(std::string((std::size_t{1} << 20U) + 1, 'x')).ok());
}

class Recorder final : public Progress {
 public:
  void step(std::string_view what) override { seen += std::string(what) + ";"; }
  void amount(std::uint64_t done, std::uint64_t total) override {
    seen += std::to_string(done) + "/" + std::to_string(total) + ";";
  }
  std::string seen;
};

TEST(FetchLines, steps_amounts_and_errors) {
  Recorder recorder;
  EXPECT_TRUE(take_fetch_line(R"({"step":"unpacking"})", recorder).ok());
  EXPECT_TRUE(take_fetch_line(R"({"done":5,"total":10})", recorder).ok());
  EXPECT_TRUE(take_fetch_line(R"({"result":{"ref":"debian:12"}})", recorder).ok());
  EXPECT_EQ(recorder.seen, "unpacking;5/10;");
  const auto failed = take_fetch_line(
      R"({"error":{"code":"unavailable","message":"no mirror","hint":"look at /etc/apt"}})", recorder);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), Code::kUnavailable);
  EXPECT_EQ(failed.error().hint_text(), "look at /etc/apt");
  EXPECT_FALSE(take_fetch_line("not json", recorder).ok());
}

TEST(HostChecks, versions) {
  EXPECT_EQ(qemu_version_from("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)"), "7.2.22");
  EXPECT_EQ(qemu_version_from("something else"), "");
  EXPECT_TRUE(version_at_least("7.2.22", 7, 2));
  EXPECT_TRUE(version_at_least("10.0", 7, 2));
  EXPECT_FALSE(version_at_least("7.1.9", 7, 2));
  EXPECT_FALSE(version_at_least("", 7, 2));
}

TEST(HostMirror, both_formats_without_credentials) {
  const auto folder = TempDir::create(::testing::TempDir(), "apt").value();
  ASSERT_TRUE(make_directories(folder.path() / "sources.list.d").ok());
  ASSERT_TRUE(
      write_file_atomic(
          folder.path() / "sources.list",
          "# deb http://no.example x\ndeb [arch=amd64] https://ann:pw@one.example/debian bookworm main\n")
          .ok());
  ASSERT_TRUE(write_file_atomic(folder.path() / "sources.list.d/debian.sources",
                                "Types: deb\nURIs: http://two.example/debian\nSuites: bookworm\n")
                  .ok());
  EXPECT_EQ(configured_mirrors(folder.path()),
            (std::vector<std::string>{"https://***@one.example/debian", "http://two.example/debian"}));
}

TEST(Logs, last_lines) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(last_lines("a\nb\nc", 2), "b\nc");
  EXPECT_EQ(last_lines("a\n", 5), "a\n");
  EXPECT_EQ(last_lines("a\n", 0), "");
  EXPECT_EQ(last_lines("", 3), "");
  EXPECT_EQ(last_lines("\n\n\n", 2), "\n\n");
}

}  // namespace
}  // namespace cove
