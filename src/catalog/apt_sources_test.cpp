#include "catalog/apt_sources.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace cove {
namespace {

TEST(AptSourcesTest, OneLineForm) {
  const auto sources = parse_one_line_sources(
      "# comment\n"
      "deb http://mirror.example/debian bookworm main contrib # tail\n"
      "deb-src http://mirror.example/debian bookworm main\n"
      "deb [ arch=amd64 signed-by=/k.gpg trusted=yes ] http://other.example/x/ suite/\n"
      "deb broken\n");
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_EQ(sources[0].uri, "http://mirror.example/debian");
  EXPECT_EQ(sources[0].components, (std::vector<std::string>{"main", "contrib"}));
  EXPECT_EQ(sources[1].line(), "deb [signed-by=/k.gpg trusted=yes] http://other.example/x/ suite/ ");
}

TEST(AptSourcesTest, Deb822Form) {
  const auto sources = parse_deb822_sources(
      "Types: deb deb-src\nURIs: http://a.example/debian\n  http://b.example/debian\n"
      "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/k.gpg\n\n"
      "# off\nTypes: deb\nURIs: http://c.example\nSuites: x\nEnabled: no\n\n"
      "Types: deb-src\nURIs: http://d.example\nSuites: x\n");
  ASSERT_EQ(sources.size(), 4U);
  EXPECT_EQ(sources[3].line(),
            "deb [signed-by=/usr/share/keyrings/k.gpg] http://b.example/debian bookworm-updates main");
}

TEST(AptSourcesTest, KeyInsideTheStanzaIsNoFile) {
  const auto sources = parse_deb822_sources(
      "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\n"
      "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n");
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_TRUE(sources[0].signed_by.empty());
}

TEST(AptSourcesTest, KeepsDebianAndDropsTheRest) {
  const std::vector<AptSource> all = {
      {"http://mirror.example/debian/", "bookworm", {"main", "contrib"}, "", false},
      {"http://mirror.example/debian-security", "bookworm-security", {"main"}, "", false},
      {"http://mirror.example/debian", "bookworm-backports", {"main"}, "", false},
      {"https://vendor.example/apt", "bookworm", {"main"}, "/vendor.gpg", false},
      {"https://vendor.example/linux/debian", "bookworm", {"stable"}, "", false},
      {"http://odd.example/path",
       "bookworm",
       {"main"},
       "/usr/share/keyrings/debian-archive-keyring.gpg",
       false},
      {"http://mirror.example/debian", "trixie", {"main"}, "", false}};
  const auto kept = debian_sources(all, "bookworm", "bookworm").value();
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].components, std::vector<std::string>{"main"});
  EXPECT_EQ(kept[2].uri, "http://odd.example/path");
  const auto rewritten = debian_sources(all, "trixie", "bookworm").value();
  ASSERT_EQ(rewritten.size(), 1U);
  EXPECT_EQ(rewritten[0].suite, "bookworm");
}

TEST(AptSourcesTest, HostWithoutDebianSaysSo) {
  const auto none =
      debian_sources({{"http://archive.example/ubuntu", "jammy", {"main"}, "", false}}, "jammy", "bookworm");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Code::kFailedPrecondition);
  EXPECT_FALSE(none.error().hint_text().empty());
}

TEST(AptSourcesTest, ReadsBothFormsFromAFolder) {
  const TempDir folder = TempDir::create(::testing::TempDir(), "apt").value();
  EXPECT_EQ(read_apt_sources(folder.path()).error().code(), Code::kNotFound);
  ASSERT_TRUE(make_directories(folder.path() / "sources.list.d").ok());
  ASSERT_TRUE(
      write_file_atomic(folder.path() / "sources.list", "deb http://a.example/debian bookworm main\n").ok());
  const auto parts = folder.path() / "sources.list.d";
  ASSERT_TRUE(write_file_atomic(parts / "b.sources", "Types: deb\nURIs: http://b.example\nSuites: s\n").ok());
  ASSERT_TRUE(write_file_atomic(parts / "c.list", "deb http://c.example s\n").ok());
  ASSERT_TRUE(write_file_atomic(parts / "d.list.disabled", "deb http://d.example s\n").ok());
  EXPECT_EQ(read_apt_sources(folder.path()).value().size(), 3U);
}

}  // namespace
}  // namespace cove
