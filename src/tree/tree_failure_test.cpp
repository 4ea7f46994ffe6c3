// What cannot be read is left out and told; names are any bytes.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/testing/as_nobody.h"
#include "proto/cove_agent.pb.h"
#include "tree/tree_failure.h"
#include "tree/tree_hash.h"
#include "tree/tree_reader.h"
#include "tree/tree_writer.h"

namespace cove {
namespace {

using agent::v1::TreeChunk;
namespace fs = std::filesystem;

class TreeFailureTest : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return temp_.path() / name; }
  // The messages of the failures, and what was copied to "dst".
  Result<std::vector<std::string>> copy(const std::vector<TreeSource>& sources) const {
    fs::create_directories(path("dst"));
    auto writer = COVE_TRY(TreeWriter::create(path("dst"), TreeInto::kDirectory));
    std::vector<std::string> failures;
    const TreeEmit emit = [&](const TreeChunk& chunk) -> Result<void> {
      TreeChunk received;
      if (!received.ParseFromString(chunk.SerializeAsString()))
        return Error(Code::kInternal, "does not parse");
      for (const auto& item : received.items()) {
        if (item.has_failure()) failures.push_back(error_of(item.failure()).message());
      }
      return writer.apply({}, received);
    };
    COVE_TRY(read_tree({}, sources, emit, {}));
    COVE_TRY(writer.finish());
    return failures;
  }

  TempDir temp_ = std::move(TempDir::create("/tmp", "cove-failure-")).value();
};

TEST_F(TreeFailureTest, TheRestIsCopied) {
  fs::create_directories(path("src/closed"));
  for (const char* name : {"src/a", "src/closed/x", "src/secret", "src/z"})
    ASSERT_TRUE(write_file_atomic(path(name), name).ok());
  ::chmod(path("src/secret").c_str(), 0);
  ::chmod(path("src/closed").c_str(), 0);
  ASSERT_EQ(::chmod(temp_.path().c_str(), 0777), 0);
  Result<std::vector<std::string>> failures = std::vector<std::string>();
  {
    const AsNobody nobody;
    failures = copy({{path("src"), "src"}, {path("none"), "none"}});
  }
  ::chmod(path("src/closed").c_str(), 0700);
  ASSERT_TRUE(failures.ok()) << failures.error().message();
  EXPECT_EQ(*failures, (std::vector<std::string>{path("src/closed").string() + ": Permission denied",
                                                 path("src/secret").string() + ": Permission denied",
                                                 path("none").string() + ": No such file or directory"}));
  EXPECT_EQ(*list_directory(path("dst/src")), (std::vector<std::string>{"a", "z"}));
}

TEST_F(TreeFailureTest, AFileThatBreaksOffIsGivenUpAndTheNextArrives) {
  fs::create_directories(path("dst"));
  auto writer = std::move(TreeWriter::create(path("dst"), TreeInto::kDirectory)).value();
  TreeChunk chunk;
  auto* entry = chunk.add_items()->mutable_entry();
  entry->set_path("broken");
  entry->set_size(100);
  chunk.add_items()->mutable_data()->set_data("begun");
  fill_failure(*chunk.add_items()->mutable_failure(), Error(Code::kUnknown, "broken: Input/output error"));
  auto* next = chunk.add_items()->mutable_entry();
  next->set_path("next");
  next->set_content("x");
  next->set_size(1);
  next->set_xxh64(TreeHash::of("x"));
  chunk.mutable_totals();
  ASSERT_TRUE(writer.apply({}, chunk).ok());
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_EQ(*list_directory(path("dst")), (std::vector<std::string>{"next"}));
}

TEST_F(TreeFailureTest, AStreamOfOneFileFailsWithIt) {
  TreeChunk chunk;
  fill_failure(*chunk.add_items()->mutable_failure(),
               Error(Code::kPermissionDenied, "/f: Permission denied"));
  TreeToStream stream(1);
  const auto applied = stream.apply({}, chunk);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code(), Code::kPermissionDenied);
  EXPECT_EQ(applied.error().message(), "/f: Permission denied");
}

TEST_F(TreeFailureTest, ACodeThatIsNoneIsUnknown) {
  agent::v1::TreeFailure failure;
  for (const std::uint32_t code : {0U, 17U, 4'000'000'000U}) {
    failure.set_code(code);
    EXPECT_EQ(error_of(failure).code(), Code::kUnknown);
  }
}

TEST_F(TreeFailureTest, NamesAreBytes) {
  const std::string bad = "bad\xff\xc3";
  fs::create_directories(path("src"));
  ASSERT_TRUE(write_file_atomic(path("src/" + bad), "1").ok());
  fs::create_symlink(bad, path("src/link"));
  ASSERT_EQ(::mkfifo(path("src/pipe\xfe").c_str(), 0600), 0);
  const auto failures = copy({{path("src"), "src\xff"}});
  ASSERT_TRUE(failures.ok()) << failures.error().message();
  EXPECT_EQ(*read_file(path("dst/src\xff/" + bad)), "1");
  EXPECT_EQ(fs::read_symlink(path("dst/src\xff/link")).string(), bad);
}

}  // namespace
}  // namespace cove
