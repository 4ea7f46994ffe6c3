#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/io.h"
#include "base/process.h"
#include "base/strings.h"
#include "proto/cove_agent.pb.h"
#include "tree/tree_hash.h"
#include "tree/tree_reader.h"
#include "tree/tree_writer.h"

namespace cove {
namespace {

using agent::v1::TreeChunk;
using agent::v1::TreeEntry;
using agent::v1::TreeTotals;
namespace fs = std::filesystem;

class TreeTest : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return temp_.path() / name; }

  void shell(const std::string& script) const {
    SpawnOptions options;
    options.argv = {"sh", "-ec", script};
    options.working_directory = temp_.path().string();
    const auto done = run_command({}, options);
    ASSERT_TRUE(done.ok() && done->status.success()) << (done.ok() ? done->err : done.error().message());
  }
  std::string listing(const std::string& below) const {
    SpawnOptions options;
    options.argv = {"sh", "-c",
                    "find . -printf '%P %y %m %T@ %l\\n' | sort; find . -type f | sort | xargs -r sha256sum"};
    options.working_directory = path(below).string();
    return run_command({}, options)->out;
  }

  // Every chunk goes through its encoded form, as it does between host and guest.
  static Result<TreeTotals> copy(const std::vector<TreeSource>& sources, TreeWriter writer) {
    const TreeEmit emit = [&](const TreeChunk& chunk) -> Result<void> {
      TreeChunk received;
      EXPECT_TRUE(received.ParseFromString(chunk.SerializeAsString()));
      return writer.apply({}, received);
    };
    COVE_TRY(read_tree({}, sources, emit, {}));
    return writer.finish();
  }

  TempDir temp_ = std::move(TempDir::create("/tmp", "cove-tree-")).value();
};

TEST_F(TreeTest, CopiesModesTimesLinksHolesAndEmptyThings) {
  shell(
      R"(mkdir -p src/deep/er src/empty; echo hello > src/a; : > src/nothing; chmod 750 src/a; chmod 500 src/deep/er
           head -c 3000000 /dev/urandom > src/deep/big; ln -s ../a src/deep/link; ln -s /nowhere src/dangling
           truncate -s 50M src/sparse; printf x | dd of=src/sparse bs=1 seek=30000000 conv=notrunc status=none
           touch -d '2001-02-03 04:05:06.789' src/a src/deep; mkdir dst)");
  auto writer = TreeWriter::create(path("dst"), TreeInto::kNameOrDirectory);
  const auto totals = copy({{path("src"), "src"}}, std::move(writer).value());
  ASSERT_TRUE(totals.ok()) << totals.error().message();
  EXPECT_EQ(listing("src"), listing("dst/src"));
  EXPECT_EQ(totals->files(), 4U);
  EXPECT_EQ(totals->symlinks(), 2U);
  EXPECT_LT(*allocated_bytes(path("dst/src/sparse")), 2U << 20U);
}

// Whoever copies owns the copy: what another one wrote must not run as him.
TEST_F(TreeTest, NoCopyRunsAsItsNewOwner) {
  shell("mkdir -p src/sub dst; echo x > src/f; chmod 6755 src/f; chmod 7775 src/sub");
  ASSERT_TRUE(copy({{path("src"), "src"}, {path("src/f"), "f"}},
                   std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value())
                  .ok());
  for (const auto& [name, mode] : {std::pair("src/f", 0755U), {"f", 0755U}, {"src/sub", 01775U}}) {
    struct stat status {};
    ASSERT_EQ(::stat(path(std::string("dst/") + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, mode) << name;
  }
}

TEST_F(TreeTest, AMissingDestinationIsTheNewName) {
  shell("mkdir src dst; echo 1 > src/f; echo 2 > one");
  auto named = copy({{path("src"), "src"}},
                    std::move(TreeWriter::create(path("dst/new"), TreeInto::kNameOrDirectory)).value());
  ASSERT_TRUE(named.ok()) << named.error().message();
  EXPECT_EQ(*read_file(path("dst/new/f")), "1\n");
  ASSERT_TRUE(copy({{path("one"), "one"}},
                   std::move(TreeWriter::create(path("dst/two"), TreeInto::kNameOrDirectory)).value())
                  .ok());
  EXPECT_EQ(*read_file(path("dst/two")), "2\n");
  EXPECT_EQ(TreeWriter::create(path("dst/none/x"), TreeInto::kNameOrDirectory).error().code(),
            Code::kNotFound);
  EXPECT_EQ(TreeWriter::create(path("dst/none/"), TreeInto::kNameOrDirectory).error().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(TreeWriter::create(path("one"), TreeInto::kDirectory).error().code(), Code::kFailedPrecondition);
}

TEST_F(TreeTest, ReplacesFilesAsOneStepAndMergesFolders) {
  shell(
      "mkdir -p src/d dst/src/d; echo new > src/d/f; echo old > dst/src/d/f; echo stays > dst/src/d/other; "
      "ln dst/src/d/f hard");
  ASSERT_TRUE(
      copy({{path("src"), "src"}}, std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value())
          .ok());
  EXPECT_EQ(*read_file(path("dst/src/d/f")), "new\n");
  EXPECT_EQ(*read_file(path("dst/src/d/other")), "stays\n");
  EXPECT_EQ(*read_file(path("hard")), "old\n") << "replaced, not overwritten";
}

TEST_F(TreeTest, SkipsWhatHasNoContentAndSaysSo) {
  shell("mkdir src dst; mkfifo src/pipe; echo 1 > src/f");
  TreeTotals totals;
  const auto read =
      read_tree({}, {{path("src"), "src"}}, [](const TreeChunk&) { return Result<void>(); }, {});
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->skipped_size(), 1);
  EXPECT_EQ(read->skipped(0), "src/pipe");
}

TEST_F(TreeTest, HostilePathsStayInside) {
  shell("mkdir dst out; ln -s ../out dst/link");
  for (const auto& bad :
       std::vector<std::string>{"../x", "/etc/x", "a/../../x", "", ".", "a//b", {"a\0b", 3}}) {
    auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value();
    TreeChunk chunk;
    auto* entry = chunk.add_items()->mutable_entry();
    entry->set_path(bad);
    entry->set_content("");
    entry->set_xxh64(TreeHash::of(""));
    EXPECT_EQ(writer.apply({}, chunk).error().code(), Code::kInvalidArgument) << bad;
  }
  // Through a link that was there, or that the stream itself made.
  for (const char* through : {"link/x", "made/x"}) {
    auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value();
    TreeChunk chunk;
    auto* link = chunk.add_items()->mutable_entry();
    link->set_path("made");
    link->set_type(TreeEntry::SYMLINK);
    link->set_link_target("../out");
    auto* entry = chunk.add_items()->mutable_entry();
    entry->set_path(through);
    entry->set_content("");
    entry->set_xxh64(TreeHash::of(""));
    EXPECT_FALSE(writer.apply({}, chunk).ok()) << through;
  }
  EXPECT_TRUE(list_directory(path("out"))->empty());
}

// A file entry, its data and its end; `spoil` may break the rules.
TreeChunk big_file(const std::string& content) {
  TreeChunk chunk;
  auto* entry = chunk.add_items()->mutable_entry();
  entry->set_path("f");
  entry->set_mode(0644);
  entry->set_size(content.size());
  chunk.add_items()->mutable_data()->set_data(content);
  chunk.add_items()->mutable_end()->set_xxh64(TreeHash::of(content));
  return chunk;
}

TEST_F(TreeTest, AWrongChecksumLeavesTheOldFile) {
  shell("mkdir dst; echo old > dst/f");
  TreeChunk chunk = big_file("new content");
  chunk.mutable_items(2)->mutable_end()->set_xxh64(1);
  auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value();
  EXPECT_EQ(writer.apply({}, chunk).error().code(), Code::kDataLoss);
  EXPECT_EQ(*read_file(path("dst/f")), "old\n");
  EXPECT_EQ(list_directory(path("dst"))->size(), 1U);
}

TEST_F(TreeTest, AnInterruptedFileIsRemoved) {
  shell("mkdir dst");
  {
    auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value();
    TreeChunk chunk = big_file("content");
    chunk.mutable_items()->RemoveLast();
    ASSERT_TRUE(writer.apply({}, chunk).ok());
    EXPECT_EQ(writer.finish().error().code(), Code::kDataLoss);
  }
  EXPECT_TRUE(list_directory(path("dst"))->empty());
}

TEST_F(TreeTest, DataMustBeInOrderAndInsideTheFile) {
  shell("mkdir dst");
  TreeChunk beyond = big_file("content");
  beyond.mutable_items(1)->mutable_data()->set_offset(3);
  TreeChunk backwards = big_file("content");
  auto* again = backwards.add_items()->mutable_data();
  again->set_data("x");
  backwards.mutable_items()->SwapElements(2, 3);
  for (const auto& chunk : {beyond, backwards}) {
    auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value();
    EXPECT_EQ(writer.apply({}, chunk).error().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(list_directory(path("dst"))->empty());
}

TEST_F(TreeTest, AStreamHasNoNameInAFolder) {
  shell("echo x > src; mkdir dst");
  const auto in = open_file(path("src"), O_RDONLY);
  auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kNameOrDirectory)).value();
  const auto read =
      read_stream({}, in->get(), "stream", 0640, [&](const TreeChunk& c) { return writer.apply({}, c); }, {});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(list_directory(path("dst"))->empty());
}

TEST_F(TreeTest, StreamsGoInAndOut) {
  shell("truncate -s 1M src; printf data >> src; mkdir dst; mkdir folder");
  const auto in = open_file(path("src"), O_RDONLY);
  auto writer = std::move(TreeWriter::create(path("dst/copy"), TreeInto::kNameOrDirectory)).value();
  ASSERT_TRUE(
      read_stream({}, in->get(), "stdin", 0640, [&](const TreeChunk& c) { return writer.apply({}, c); }, {})
          .ok());
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_EQ(*read_file(path("dst/copy")), *read_file(path("src")));

  const auto out = open_file(path("out"), O_WRONLY | O_CREAT, 0600);
  TreeToStream to_stream(out->get());
  ASSERT_TRUE(
      read_tree({}, {{path("src"), "src"}}, [&](const TreeChunk& c) { return to_stream.apply({}, c); }, {})
          .ok());
  ASSERT_TRUE(to_stream.finish().ok());
  EXPECT_EQ(*read_file(path("out")), *read_file(path("src")));
  TreeToStream refuses(out->get());
  EXPECT_FALSE(
      read_tree({}, {{path("folder"), "f"}}, [&](const TreeChunk& c) { return refuses.apply({}, c); }, {})
          .ok());
}

TEST_F(TreeTest, TheEmittersErrorEndsTheReading) {
  shell("mkdir src; for i in $(seq 50); do head -c 60000 /dev/zero > src/$i; done");
  int chunks = 0;
  const auto read =
      read_tree({}, {{path("src"), "src"}},
                [&](const TreeChunk&) -> Result<void> {
                  return ++chunks == 3 ? Result<void>(Error(Code::kUnavailable, "gone")) : Result<void>();
                },
                {});
  EXPECT_EQ(read.error().code(), Code::kUnavailable);
  EXPECT_EQ(chunks, 3);
  EXPECT_EQ(tree_bytes({{path("src"), "src"}}), 50U * 60000U);
}

}  // namespace
}  // namespace cove
