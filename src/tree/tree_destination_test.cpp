// What a copy does where something is already: links, pipes, devices, sockets, and what killed copies left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/files.h"
#include "base/io.h"
#include "base/unix_socket.h"
#include "proto/cove_agent.pb.h"
#include "tree/partial_file.h"
#include "tree/tree_hash.h"
#include "tree/tree_reader.h"
#include "tree/tree_writer.h"

namespace cove {
namespace {

using agent::v1::TreeChunk;
namespace fs = std::filesystem;

class TreeDestinationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(path("src"));
    fs::create_directories(path("dst/src"));
    ASSERT_TRUE(write_file_atomic(path("src/f"), "new").ok());
  }
  fs::path path(const std::string& name) const { return temp_.path() / name; }

  Result<void> copy(const std::string& source, const std::string& destination,
                    TreeInto into = TreeInto::kNameOrDirectory) const {
    auto writer = COVE_TRY(TreeWriter::create(path(destination), into));
    COVE_TRY(read_tree({}, {{path(source), path(source).filename().string()}},
                       [&](const TreeChunk& chunk) { return writer.apply({}, chunk); }, {}));
    COVE_TRY(writer.finish());
    return {};
  }
  mode_t kind(const std::string& name) const {
    struct stat status {};
    return ::lstat(path(name).c_str(), &status) < 0 ? 0 : status.st_mode & S_IFMT;
  }

  TempDir temp_ = std::move(TempDir::create("/tmp", "cove-destination-")).value();
};

TEST_F(TreeDestinationTest, ANamedLinkIsFollowed) {
  ASSERT_TRUE(write_file_atomic(path("dst/real"), "old").ok());
  fs::create_directories(path("links"));
  fs::create_symlink("../dst/real", path("links/one"));
  fs::create_symlink("one", path("links/two"));
  fs::create_hard_link(path("dst/real"), path("twin"));
  ASSERT_TRUE(copy("src/f", "links/two").ok());
  EXPECT_EQ(*read_file(path("dst/real")), "new");
  EXPECT_EQ(*read_file(path("twin")), "old") << "replaced beside the target, not overwritten";
  EXPECT_EQ(kind("links/one"), mode_t{S_IFLNK});
  EXPECT_EQ(kind("links/two"), mode_t{S_IFLNK});
}

TEST_F(TreeDestinationTest, ANamedLinkThatDanglesIsFollowedIntoAFolderThatIsThere) {
  fs::create_symlink(path("dst/made"), path("link"));
  ASSERT_TRUE(copy("src/f", "link").ok());
  EXPECT_EQ(*read_file(path("dst/made")), "new");
  EXPECT_EQ(kind("link"), mode_t{S_IFLNK});
  fs::create_symlink(path("none/made"), path("astray"));
  EXPECT_EQ(copy("src/f", "astray").error().code(), Code::kNotFound);
  fs::create_symlink("loop", path("loop"));
  EXPECT_FALSE(copy("src/f", "loop").ok());
  EXPECT_EQ(kind("loop"), mode_t{S_IFLNK});
}

TEST_F(TreeDestinationTest, OthersLinksInASharedFolderAreNotFollowed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a link of somebody else";
  fs::create_directories(path("shared"));
  ASSERT_EQ(::chmod(path("shared").c_str(), 01777), 0);
  fs::create_symlink(path("dst/target"), path("shared/link"));
  ASSERT_EQ(::lchown(path("shared/link").c_str(), 4711, 4711), 0);
  EXPECT_EQ(copy("src/f", "shared/link").error().code(), Code::kPermissionDenied);
  EXPECT_FALSE(path_exists(path("dst/target")));
}

TEST_F(TreeDestinationTest, ANamedPipeIsWrittenInto) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto refused = copy("src/f", "pipe");
  ASSERT_FALSE(refused.ok()) << "nobody reads it";
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(kind("pipe"), mode_t{S_IFIFO});

  const auto reader = open_file(path("pipe"), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(reader.ok());
  fs::create_symlink("pipe", path("link"));
  for (const char* name : {"pipe", "link"}) {
    const auto copied = copy("src/f", name);
    ASSERT_TRUE(copied.ok()) << copied.error().message();
    EXPECT_EQ(*read_to_end({}, reader->get(), 100), "new");
  }
  EXPECT_FALSE(copy("src", "pipe").ok()) << "a folder cannot be written into a pipe";
  EXPECT_EQ(kind("pipe"), mode_t{S_IFIFO});
}

// A write into a full pipe must not outlast its caller.
TEST_F(TreeDestinationTest, WritingIntoAPipeEndsWithItsContext) {
  ASSERT_TRUE(write_file_atomic(path("src/big"), std::string(200'000, 'x')).ok());
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto reader = open_file(path("pipe"), O_RDONLY | O_NONBLOCK);
  auto writer = std::move(TreeWriter::create(path("pipe"), TreeInto::kNameOrDirectory)).value();
  const OpContext ctx = OpContext{}.with_timeout(std::chrono::milliseconds(20));
  const auto read = read_tree({}, {{path("src/big"), "big"}},
                              [&](const TreeChunk& chunk) { return writer.apply(ctx, chunk); }, {});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kDeadlineExceeded);
}

TEST_F(TreeDestinationTest, AStreamGoesIntoAPipe) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto reader = open_file(path("pipe"), O_RDONLY | O_NONBLOCK);
  const auto in = open_file(path("src/f"), O_RDONLY);
  auto writer = std::move(TreeWriter::create(path("pipe"), TreeInto::kNameOrDirectory)).value();
  const auto read = read_stream({}, in->get(), "stream", 0644,
                                [&](const TreeChunk& chunk) { return writer.apply({}, chunk); }, {});
  ASSERT_TRUE(read.ok()) << read.error().message();
  const auto totals = writer.finish();
  ASSERT_TRUE(totals.ok()) << totals.error().message();
  EXPECT_EQ(totals->bytes(), 3U);
  char arrived[100];
  EXPECT_EQ(*read_some({}, reader->get(), arrived), 3U);
}

TEST_F(TreeDestinationTest, DevicesAreWrittenIntoByNameAndRefusedInATree) {
  if (::mknod(path("dst/src/f").c_str(), S_IFCHR | 0600, makedev(1, 3)) < 0) {
    GTEST_SKIP() << "only root can make a device node, outside a container that forbids it";
  }
  const auto named = copy("src/f", "dst/src/f");
  ASSERT_TRUE(named.ok()) << named.error().message();
  EXPECT_EQ(kind("dst/src/f"), mode_t{S_IFCHR});
  const auto below = copy("src", "dst");
  ASSERT_FALSE(below.ok());
  EXPECT_NE(below.error().message().find("src/f: is a device, not replaced"), std::string::npos)
      << below.error().message();
  EXPECT_EQ(kind("dst/src/f"), mode_t{S_IFCHR});
}

TEST_F(TreeDestinationTest, SocketsAreNeverReplaced) {
  const auto socket = listen_unix(path("dst/src/f"), 1);
  ASSERT_TRUE(socket.ok());
  for (const auto& [source, destination] :
       {std::pair("src/f", "dst/src/f"), std::pair("src", "dst"), std::pair("src/f", "dst/src/")}) {
    const auto refused = copy(source, destination);
    ASSERT_FALSE(refused.ok()) << destination;
    EXPECT_NE(refused.error().message().find("f: is a socket"), std::string::npos)
        << refused.error().message();
    EXPECT_EQ(kind("dst/src/f"), mode_t{S_IFSOCK});
  }
}

TEST_F(TreeDestinationTest, InsideATreePipesStayAndLinksAreReplacedNotFollowed) {
  ASSERT_TRUE(write_file_atomic(path("outside"), "untouched").ok());
  fs::create_symlink(path("outside"), path("dst/src/f"));
  ASSERT_TRUE(copy("src", "dst").ok());
  EXPECT_EQ(*read_file(path("outside")), "untouched");
  EXPECT_EQ(kind("dst/src/f"), mode_t{S_IFREG});

  fs::remove(path("dst/src/f"));
  ASSERT_EQ(::mkfifo(path("dst/src/f").c_str(), 0600), 0);
  const auto refused = copy("src", "dst");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("src/f: is a pipe, not replaced"), std::string::npos);
  fs::remove(path("src/f"));
  fs::create_symlink("/anywhere", path("src/f"));
  EXPECT_FALSE(copy("src", "dst").ok()) << "nor does a link take a pipe's place";
  EXPECT_EQ(kind("dst/src/f"), mode_t{S_IFIFO});
}

TEST_F(TreeDestinationTest, AFileHasNotItsNameBeforeItIsWhole) {
  for (const char* destination : {"dst", "dst/other"}) {
    auto writer = std::move(TreeWriter::create(path(destination), TreeInto::kNameOrDirectory)).value();
    TreeChunk chunk;
    auto* entry = chunk.add_items()->mutable_entry();
    entry->set_path("f");
    entry->set_mode(0644);
    entry->set_size(3);
    chunk.add_items()->mutable_data()->set_data("new");
    ASSERT_TRUE(writer.apply({}, chunk).ok());
    const fs::path name = path(destination) == path("dst") ? path("dst/f") : path("dst/other");
    EXPECT_FALSE(path_exists(name));
    TreeChunk end;
    end.add_items()->mutable_end()->set_xxh64(TreeHash::of("new"));
    ASSERT_TRUE(writer.apply({}, end).ok());
    EXPECT_EQ(*read_file(name), "new");
  }
  EXPECT_EQ(list_directory(path("dst"))->size(), 3U) << "f, other, src and no temporary";
}

TEST_F(TreeDestinationTest, WhatKilledCopiesLeftIsRemovedByTheNextAndNothingElse) {
  TemporaryNames names;
  const auto locked = path("dst/src") / names.next();
  for (const std::string& name :
       {std::string("dst/") + names.next(), "dst/src/" + names.next(), std::string()}) {
    ASSERT_TRUE(name.empty() || write_file_atomic(path(name), "half").ok());
  }
  ASSERT_TRUE(write_file_atomic(locked, "being written").ok());
  ASSERT_TRUE(write_file_atomic(path("dst/src/.cove-cp-mine"), "somebody's").ok());
  const auto writing = open_file(locked, O_RDONLY);
  ASSERT_EQ(::flock(writing->get(), LOCK_EX), 0);
  ASSERT_TRUE(copy("src", "dst").ok());
  ASSERT_TRUE(copy("src/f", "dst").ok());
  EXPECT_EQ(*list_directory(path("dst")), (std::vector<std::string>{"f", "src"}));
  EXPECT_EQ(*list_directory(path("dst/src")),
            (std::vector<std::string>{locked.filename().string(), ".cove-cp-mine", "f"}));
}

}  // namespace
}  // namespace cove
