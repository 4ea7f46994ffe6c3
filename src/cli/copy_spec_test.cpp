#include "cli/copy_spec.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

using Kind = CopySpec::Kind;

TEST(CopySpec, TellsHostGuestAndStream) {
  EXPECT_EQ(parse_copy_spec("a/b:c")->kind, Kind::kHost);
  EXPECT_EQ(parse_copy_spec("./a:b")->kind, Kind::kHost);
  EXPECT_EQ(parse_copy_spec("/a:b")->kind, Kind::kHost);
  EXPECT_EQ(parse_copy_spec("-")->kind, Kind::kStream);
  const auto guest = parse_copy_spec("web-1:/etc/hosts");
  ASSERT_TRUE(guest.ok());
  EXPECT_EQ(guest->kind, Kind::kGuest);
  EXPECT_EQ(guest->vm->str(), "web-1");
  EXPECT_EQ(guest->path, "/etc/hosts");
  EXPECT_FALSE(parse_copy_spec(":/x")->vm.has_value());
  EXPECT_EQ(parse_copy_spec("web:")->path, "");
}

TEST(CopySpec, RefusesWhatIsNoVmName) {
  EXPECT_FALSE(parse_copy_spec("-x:/a").ok());
  EXPECT_FALSE(parse_copy_spec("").ok());
  EXPECT_EQ(parse_copy_spec("a b:c").error().hint_text(),
            "for a file here whose name has a colon, write ./a b:c");
}

TEST(CopySpec, SourcesGetTheNamesTheyArriveUnder) {
  const auto sources = host_sources({"/usr/lib/", "/tmp/.", "x"});
  ASSERT_TRUE(sources.ok());
  EXPECT_EQ((*sources)[0].name, "lib");
  EXPECT_EQ((*sources)[1].name, "tmp");
  EXPECT_EQ((*sources)[2].name, "x");
  EXPECT_FALSE(host_sources({"a/x", "b/x"}).ok());
  EXPECT_FALSE(host_sources({"/"}).ok());
}

TEST(CopySpec, a_stream_needs_a_files_name) {
  for (const char* path : {"f", "/f", "a/b", "...", "~f", "~/f"}) EXPECT_TRUE(names_a_file(path)) << path;
  for (const char* path : {"", "/", "a/", "~", "~/", ".", "..", "a/.", "a/.."})
    EXPECT_FALSE(names_a_file(path)) << path;
}

}  // namespace
}  // namespace cove
