#include "store/snapshot_tree.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

Snapshot snapshot(const std::string& name, SnapshotKind kind = SnapshotKind::kFull) {
  return {.name = name, .state = std::string(32, 'a'), .kind = kind, .created_at = "2026-11-23T12:00:00Z"};
}

//   a -- b -- c
//         \-- d (current)
SnapshotTree sample_tree() {
  SnapshotTree tree;
  EXPECT_TRUE(tree.add(snapshot("a")).ok());
  EXPECT_TRUE(tree.add(snapshot("b", SnapshotKind::kDisk)).ok());
  EXPECT_TRUE(tree.add(snapshot("c")).ok());
  EXPECT_TRUE(tree.set_current("b").ok());
  EXPECT_TRUE(tree.add(snapshot("d")).ok());
  return tree;
}

std::string complaint(const std::string& text) {
  const auto parsed = SnapshotTree::parse(text);
  return parsed.ok() ? "none" : parsed.error().message();
}

TEST(SnapshotTree, NewOnesAreChildrenOfTheCurrentOne) {
  const auto tree = sample_tree();
  EXPECT_EQ(tree.find("a")->parent, "");
  EXPECT_EQ(tree.find("b")->parent, "a");
  EXPECT_EQ(tree.find("c")->parent, "b");
  EXPECT_EQ(tree.find("d")->parent, "b");
  EXPECT_EQ(tree.current(), "d");
  EXPECT_EQ(tree.find("e"), nullptr);
}

TEST(SnapshotTree, IsReadAsItWasWritten) {
  auto tree = sample_tree();
  EXPECT_EQ(*SnapshotTree::parse(tree.to_text()), tree);
  auto described = snapshot("e");
  described.description = "before the \"upgrade\"";
  ASSERT_TRUE(tree.add(described).ok());
  EXPECT_EQ(*SnapshotTree::parse(tree.to_text()), tree);
  EXPECT_EQ(*SnapshotTree::parse(""), SnapshotTree());
}

TEST(SnapshotTree, ADeletedOnesChildrenAreItsParents) {
  auto tree = sample_tree();
  ASSERT_TRUE(tree.remove("b").ok());
  EXPECT_EQ(tree.find("c")->parent, "a");
  EXPECT_EQ(tree.find("d")->parent, "a");
  EXPECT_EQ(tree.current(), "d");
  ASSERT_TRUE(tree.remove("d").ok());
  EXPECT_EQ(tree.current(), "a");
  ASSERT_TRUE(tree.remove("a").ok());
  EXPECT_EQ(tree.find("c")->parent, "");
  EXPECT_EQ(tree.current(), "");
  EXPECT_EQ(tree.remove("a").error().code(), Code::kNotFound);
  EXPECT_EQ(*SnapshotTree::parse(tree.to_text()), tree);
}

TEST(SnapshotTree, RefusesWhatItHasAndWhatIsNoName) {
  auto tree = sample_tree();
  const auto before = tree;
  EXPECT_EQ(tree.add(snapshot("c", SnapshotKind::kDisk)).error().code(), Code::kAlreadyExists);
  for (const char* name : {"", "../x", "-x", ".x", "a b"})
    EXPECT_EQ(tree.add(snapshot(name)).error().code(), Code::kInvalidArgument) << name;
  EXPECT_EQ(tree.set_current("nope").error().code(), Code::kNotFound);
  EXPECT_EQ(tree, before);
}

TEST(SnapshotTree, DamageIsNamed) {
  const std::string a = R"({"name":"a","state":")" + std::string(32, 'a') + R"(","kind":"full","parent":""})";
  const auto tree = [](const std::string& list, const std::string& current = "") {
    return R"({"version":1,"current":")" + current + R"(","snapshots":[)" + list + "]}";
  };
  EXPECT_EQ(complaint(tree(a)), "none");
  EXPECT_EQ(complaint(tree(a + "," + a)), "list of snapshots: \"a\" stands in it twice");
  EXPECT_EQ(complaint(tree(a, "b")), "list of snapshots: the current one is not in it");
  const std::string orphan =
      R"({"name":"b","state":")" + std::string(32, 'b') + R"(","kind":"disk","parent":"c"})";
  EXPECT_EQ(complaint(tree(orphan)), "list of snapshots: the parent of \"b\" is not before it");
  EXPECT_EQ(complaint(tree(R"({"name":"../x"})")), "list of snapshots: a name that is none");
  EXPECT_EQ(complaint(tree(R"({"name":"a","kind":"half"})")),
            "list of snapshots: the kind of \"a\" is wrong");
  EXPECT_EQ(complaint(tree(R"({"name":"a","kind":"full","state":"x"})")),
            "list of snapshots: the state of \"a\" is wrong");
  EXPECT_EQ(complaint("{}"), "list of snapshots: it does not look like one");
  EXPECT_EQ(SnapshotTree::parse(R"({"version":2})").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(SnapshotTree::parse("{").error().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace cove
