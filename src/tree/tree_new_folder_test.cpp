// Folders that a copy makes: they have their names when they are whole, or never.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/testing/as_nobody.h"
#include "proto/cove_agent.pb.h"
#include "tree/partial_folder.h"
#include "tree/tree_failure.h"
#include "tree/tree_hash.h"
#include "tree/tree_reader.h"
#include "tree/tree_writer.h"

namespace cove {
namespace {

using agent::v1::TreeChunk;
using agent::v1::TreeEntry;
using Names = std::vector<std::string>;
namespace fs = std::filesystem;

void add_folder(TreeChunk& chunk, const std::string& path, std::uint32_t mode = 0755) {
  auto* entry = chunk.add_items()->mutable_entry();
  entry->set_path(path);
  entry->set_type(TreeEntry::DIRECTORY);
  entry->set_mode(mode);
  entry->set_mtime_ns(1'000'000'000);
}

TreeEntry* add_file(TreeChunk& chunk, const std::string& path, const std::string& content) {
  auto* entry = chunk.add_items()->mutable_entry();
  entry->set_path(path);
  entry->set_mode(0644);
  entry->set_size(content.size());
  entry->set_content(content);
  entry->set_xxh64(TreeHash::of(content));
  return entry;
}

TreeChunk last() {
  TreeChunk chunk;
  chunk.mutable_totals();
  return chunk;
}

class TreeNewFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(path("dst"));
    ASSERT_EQ(::chmod(temp_.path().c_str(), 0777), 0);
    ASSERT_EQ(::chmod(path("dst").c_str(), 0777), 0);
  }
  fs::path path(const std::string& name) const { return temp_.path() / name; }
  Names names_in(const std::string& name) const { return list_directory(path(name)).value_or({"none"}); }
  TreeWriter writer(const std::string& destination = "dst") const {
    return std::move(TreeWriter::create(path(destination), TreeInto::kNameOrDirectory)).value();
  }
  // The one temporary in "dst"; empty if there is none, or more.
  std::string temporary(const std::string& folder = "dst") const {
    std::string found;
    for (const auto& name : names_in(folder)) {
      if (!TemporaryNames::is_one(name)) continue;
      if (!found.empty()) return {};
      found = (fs::path(folder) / name).string();
    }
    return found;
  }
  Result<void> copy(const std::string& source, const std::string& destination) const {
    auto to = COVE_TRY(TreeWriter::create(path(destination), TreeInto::kNameOrDirectory));
    COVE_TRY(read_tree({}, {{path(source), path(source).filename().string()}},
                       [&](const TreeChunk& chunk) { return to.apply({}, chunk); }, {}));
    COVE_TRY(to.finish());
    return {};
  }

  static void take(const fs::path& name, const std::string& kind) {
    if (kind == "link") return fs::create_symlink("nowhere", name);
    if (kind != "file") fs::create_directory(name);
    if (kind != "folder") {
      ASSERT_TRUE(write_file_atomic(kind == "file" ? name : name / "f", "theirs").ok());
    }
  }

  TempDir temp_ = std::move(TempDir::create("/tmp", "cove-new-folder-")).value();
};

TEST_F(TreeNewFolderTest, ItHasItsNameWhenEverythingIsThere) {
  for (const char* destination : {"dst", "dst/named"}) {
    const std::string name = destination == std::string("dst") ? "new" : "named";
    TreeChunk chunk;
    add_folder(chunk, "new", 0750);
    add_file(chunk, "new/f", "1");
    add_folder(chunk, "new/below", 0500);
    add_file(chunk, "new/below/g", "2");
    auto to = writer(destination);
    ASSERT_TRUE(to.apply({}, chunk).ok());
    ASSERT_TRUE(to.apply({}, last()).ok());
    EXPECT_FALSE(path_exists(path("dst/" + name)));
    const std::string partial = temporary();
    ASSERT_FALSE(partial.empty());
    EXPECT_EQ(names_in(partial), (Names{"below", "f"})) << "what is in it needs no temporary names";
    struct stat status {};
    ASSERT_EQ(::stat(path(partial).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U) << "nobody looks into it meanwhile";

    const auto totals = to.finish();
    ASSERT_TRUE(totals.ok()) << totals.error().message();
    EXPECT_EQ(totals->files(), 2U);
    EXPECT_EQ(totals->directories(), 2U);
    EXPECT_TRUE(temporary().empty());
    EXPECT_EQ(*read_file(path("dst/" + name + "/below/g")), "2");
    for (const auto& [folder, mode] : {std::pair(name, 0750U), std::pair(name + "/below", 0500U)}) {
      ASSERT_EQ(::stat(path("dst/" + folder).c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 07777U, mode);
      EXPECT_EQ(status.st_mtim.tv_sec, 1);
    }
  }
}

TEST_F(TreeNewFolderTest, OnlyTheTopmostGetsATemporaryName) {
  fs::create_directories(path("dst/old"));
  ASSERT_TRUE(write_file_atomic(path("dst/old/f"), "old").ok());
  TreeChunk chunk;
  add_folder(chunk, "old", 0755);
  add_folder(chunk, "old/new");
  add_folder(chunk, "old/new/deep");
  add_file(chunk, "old/new/deep/x", "x");
  auto to = writer();
  ASSERT_TRUE(to.apply({}, chunk).ok());
  EXPECT_EQ(names_in("dst"), Names{"old"});
  EXPECT_EQ(names_in(temporary("dst/old") + "/deep"), Names{"x"});
  // The next entry beside it tells that it is whole.
  TreeChunk next = last();
  add_file(next, "old/z", "z");
  ASSERT_TRUE(to.apply({}, next).ok());
  EXPECT_EQ(names_in("dst/old"), (Names{"f", "new", "z"}));
  ASSERT_TRUE(to.finish().ok());
  EXPECT_EQ(*read_file(path("dst/old/new/deep/x")), "x");
  EXPECT_EQ(*read_file(path("dst/old/f")), "old");
  struct stat status {};
  ASSERT_EQ(::stat(path("dst/old").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 1) << "set after the folder in it was renamed";
}

TEST_F(TreeNewFolderTest, ACopyThatBreaksOffLeavesNothing) {
  const AsNobody nobody;
  TreeChunk chunk;
  add_folder(chunk, "new", 0500);
  add_folder(chunk, "new/below", 0);
  add_file(chunk, "new/below/f", "1");
  { ASSERT_TRUE(writer().apply({}, chunk).ok()); }
  EXPECT_EQ(names_in("dst"), Names{});
  {
    auto to = writer();
    ASSERT_TRUE(to.apply({}, chunk).ok());
    EXPECT_EQ(to.finish().error().code(), Code::kDataLoss) << "the last chunk has not come";
  }
  EXPECT_EQ(names_in("dst"), Names{});
  {
    auto to = writer();
    TreeChunk wrong = chunk;
    add_file(wrong, "new/g", "1")->set_xxh64(1);
    EXPECT_EQ(to.apply({}, wrong).error().code(), Code::kDataLoss);
  }
  EXPECT_EQ(names_in("dst"), Names{});
}

TEST_F(TreeNewFolderTest, WhatAppearsMeanwhileIsNotReplaced) {
  const AsNobody nobody;  // who cannot empty a folder of mode 0500 without more ado
  for (const char* kind : {"folder", "full folder", "file", "link"}) {
    auto to = writer();
    TreeChunk chunk = last();
    add_folder(chunk, "new", 0500);
    add_folder(chunk, "new/below", 0);
    add_file(chunk, "new/below/f", "mine");
    ASSERT_TRUE(to.apply({}, chunk).ok());
    const fs::path name = path("dst/new");
    take(name, kind);
    struct stat before {};
    ASSERT_EQ(::lstat(name.c_str(), &before), 0);
    const auto finished = to.finish();
    ASSERT_FALSE(finished.ok()) << kind;
    EXPECT_EQ(finished.error().code(), Code::kAborted);
    EXPECT_EQ(finished.error().message(),
              "new: something of that name was made during the copy; it is left as it is");
    EXPECT_NE(finished.error().hint_text().find("copy again"), std::string::npos);
    to = writer();
    struct stat after {};
    ASSERT_EQ(::lstat(name.c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino) << kind;
    EXPECT_EQ(names_in("dst"), Names{"new"}) << "ours is gone";
    if (kind == std::string("full folder")) {
      EXPECT_EQ(*read_file(name / "f"), "theirs");
    }
    fs::remove_all(name);
  }
}

TEST_F(TreeNewFolderTest, FileSystemsThatCannotCheckWhileRenamingAreAskedFirst) {
  const auto folder = open_file(path("dst"), O_RDONLY | O_DIRECTORY);
  fs::create_directories(path("dst/from/x"));
  fs::create_directories(path("dst/taken/y"));
  errno = 0;
  EXPECT_EQ(rename_if_free(folder->get(), "from", "taken"), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(names_in("dst/taken"), Names{"y"});
  EXPECT_EQ(rename_if_free(folder->get(), "from", "free"), 0);
  EXPECT_EQ(names_in("dst/free"), Names{"x"});
  EXPECT_EQ(names_in("dst"), (Names{"free", "taken"}));
}

TEST_F(TreeNewFolderTest, OfSeveralSourcesThoseBeforeAFailureStay) {
  auto to = writer();
  TreeChunk chunk;
  add_folder(chunk, "a");
  add_file(chunk, "a/f", "1");
  add_folder(chunk, "b");
  add_file(chunk, "b/f", "2");
  ASSERT_TRUE(to.apply({}, chunk).ok());
  EXPECT_EQ(names_in("dst/a"), Names{"f"}) << "whole when the next begins";
  EXPECT_FALSE(path_exists(path("dst/b")));
  TreeChunk wrong;
  add_file(wrong, "b/g", "3")->set_xxh64(1);
  EXPECT_FALSE(to.apply({}, wrong).ok());
  to = writer();
  EXPECT_EQ(names_in("dst"), Names{"a"});
}

TEST_F(TreeNewFolderTest, SourcesOfOneNameAreMergedAndTheLaterFileCounts) {
  TreeChunk chunk = last();
  for (const char* content : {"first", "second"}) {
    add_folder(chunk, "a");
    add_folder(chunk, "a/b");
    add_file(chunk, "a/b/f", content);
    auto* link = chunk.add_items()->mutable_entry();
    link->set_path("a/link");
    link->set_type(TreeEntry::SYMLINK);
    link->set_link_target(content);
  }
  add_file(chunk, "a/only", "x");
  for (int i = 0; i < 2; ++i) {  // into nothing, then into what is there
    auto to = writer();
    ASSERT_TRUE(to.apply({}, chunk).ok());
    ASSERT_TRUE(to.finish().ok());
    EXPECT_EQ(names_in("dst/a"), (Names{"b", "link", "only"}));
    EXPECT_EQ(*read_file(path("dst/a/b/f")), "second");
    EXPECT_EQ(fs::read_symlink(path("dst/a/link")).string(), "second");
    EXPECT_EQ(names_in("dst/a/b"), Names{"f"});
  }
  // A file of the folder's name is not merged: the folder is whole, and keeps the name.
  auto to = writer();
  TreeChunk odd;
  add_folder(odd, "n");
  add_file(odd, "n", "file");
  EXPECT_EQ(to.apply({}, odd).error().code(), Code::kFailedPrecondition);
}

TEST_F(TreeNewFolderTest, WhatCannotBeReadIsLeftOutAndTheFolderArrives) {
  auto to = writer();
  TreeChunk chunk = last();
  add_folder(chunk, "new");
  auto* broken = chunk.add_items()->mutable_entry();
  broken->set_path("new/broken");
  broken->set_size(100);
  chunk.add_items()->mutable_data()->set_data("begun");
  fill_failure(*chunk.add_items()->mutable_failure(), Error(Code::kUnknown, "broken: Input/output error"));
  add_file(chunk, "new/z", "z");
  ASSERT_TRUE(to.apply({}, chunk).ok());
  ASSERT_TRUE(to.finish().ok());
  EXPECT_EQ(names_in("dst/new"), Names{"z"});
}

TEST_F(TreeNewFolderTest, TreesAreAsDeepForTheWriterAsForTheReader) {
  std::string deepest = "src";
  for (int i = 1; i < 256; ++i) deepest += "/d";
  fs::create_directories(path(deepest));
  ASSERT_TRUE(write_file_atomic(path(deepest + "/f"), "deep").ok());
  const auto copied = copy("src", "dst");
  ASSERT_TRUE(copied.ok()) << copied.error().message();
  EXPECT_EQ(*read_file(path("dst/" + deepest + "/f")), "deep");
  // Broken off, it is removed to its ground.
  auto to = writer("dst/other");
  ASSERT_TRUE(
      read_tree({}, {{path("src"), "src"}}, [&](const TreeChunk& chunk) { return to.apply({}, chunk); }, {})
          .ok());
  to = writer();
  EXPECT_EQ(names_in("dst"), Names{"src"});
  TreeChunk deeper;
  add_folder(deeper, deepest + "/d/d");
  EXPECT_EQ(to.apply({}, deeper).error().code(), Code::kInvalidArgument);
}

TEST_F(TreeNewFolderTest, TheNextCopyRemovesWhatAKilledOneLeft) {
  TreeChunk chunk;
  add_folder(chunk, "new");
  add_folder(chunk, "new/below", 0);
  add_file(chunk, "new/below/f", "1");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto to = writer();
    const char done = to.apply({}, chunk).ok() ? 'y' : 'n';
    if (::write(ready[1], &done, 1) == 1) ::pause();
    ::_exit(0);
  }
  char done = 0;
  EXPECT_EQ(::read(ready[0], &done, 1), 1);
  EXPECT_EQ(done, 'y');
  ASSERT_TRUE(write_file_atomic(path("other"), "x").ok());
  ASSERT_TRUE(copy("other", "dst").ok());
  EXPECT_FALSE(temporary().empty()) << "it lives: the kernel says so";
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(path_exists(path("dst/new")));
  EXPECT_FALSE(temporary().empty());
  ASSERT_TRUE(copy("other", "dst").ok());
  EXPECT_EQ(names_in("dst"), Names{"other"});
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(TreeNewFolderTest, RemovingFollowsNothingAndStopsAtNoMode) {
  TemporaryNames temporary_names;
  const std::string left = "dst/" + temporary_names.next();
  fs::create_directories(path("outside"));
  ASSERT_TRUE(write_file_atomic(path("outside/f"), "kept").ok());
  {
    const AsNobody nobody;
    for (const std::string& folder : {left, std::string("dst/.cove-cp-mine")}) {
      fs::create_directories(path(folder + "/closed/deep"));
      ASSERT_TRUE(write_file_atomic(path(folder + "/closed/deep/f"), "1").ok());
      fs::create_symlink(path("outside"), path(folder + "/link"));
      ::chmod(path(folder + "/closed").c_str(), 0);
      ::chmod(path(folder).c_str(), 0500);
    }
    fs::create_directory(path("src"));
    ASSERT_TRUE(copy("src", "dst").ok());
  }
  EXPECT_EQ(names_in("dst"), (Names{".cove-cp-mine", "src"}));
  EXPECT_EQ(*read_file(path("outside/f")), "kept");
}

}  // namespace
}  // namespace cove
