#include "disk/disk_chain.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <numeric>

#include "disk/chain_fixture.h"
#include "model/object_id.h"

namespace cove {
namespace {

class DiskChainTest : public ChainFixture {
 protected:
  // Positions 1, 2 and 3 of a chain of five, over the oldest.
  static ChainMerge middle_of(const std::vector<std::string>& chain) {
    return {.segment = {chain[0], {chain[1], chain[2], chain[3]}}, .new_id = new_object_id()};
  }
  Result<void> merge(const ChainMerge& merge) { return merge_segment({}, nodes_, merge, quiet_); }

  // In a process of its own, which may die; its exit status.
  static int apart(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

TEST_F(DiskChainTest, AChainGoesDownToTheImage) {
  const auto oldest = nodes_.create_overlay(image_, 0).value();
  const auto middle = over(oldest);
  const auto newest = over(middle);
  EXPECT_EQ(chain_of(nodes_, newest).value(), (std::vector<std::string>{newest, middle, oldest}));
  EXPECT_EQ(chain_of(nodes_, oldest).value(), std::vector<std::string>{oldest});
  EXPECT_FALSE(next_merge(nodes_, newest).value().has_value());
  ASSERT_TRUE(remove_tree(file(oldest)).ok());
  EXPECT_EQ(chain_of(nodes_, newest).error().code(), Code::kNotFound);
}

TEST_F(DiskChainTest, ACircleIsDamage) {
  const auto first = over(nodes_.create_overlay(image_, 0).value());
  const auto second = over(first);
  ASSERT_TRUE(nodes_.open(first)->rename_backing(second).ok());
  EXPECT_EQ(chain_of(nodes_, second).error().code(), Code::kDataLoss);
}

TEST_F(DiskChainTest, AMergedChainReadsTheSame) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto chain = make_chain(seed, 5);
    const auto fork = over(chain[1]);
    change(fork, {"write -q -P 9 1M 64k"});
    const auto before = read_out(chain[0], "before");
    const auto fork_before = read_out(fork, "fork");
    const auto wanted = middle_of(chain);
    const auto merged = merge(wanted);
    ASSERT_TRUE(merged.ok()) << merged.error().message();
    EXPECT_EQ(chain_of(nodes_, chain[0]).value(),
              (std::vector<std::string>{chain[0], wanted.new_id, chain[4]}));
    EXPECT_EQ(chain_of(nodes_, fork)->size(), 5U) << "who else stands on the old nodes keeps them";
    expect_reads_like(chain[0], before);
    expect_reads_like(fork, fork_before);
    expect_sound(wanted.new_id);
    expect_sound(chain[0]);
    // It can be written to like any other.
    const auto top = over(wanted.new_id);
    change(top, {"write -q -P 3 0 4M", "read -q -P 3 0 4M"});
    expect_sound(top);
  }
}

TEST_F(DiskChainTest, WhatWasDiscardedStaysAwayAndTakesNoRoom) {
  const auto oldest = nodes_.create_overlay(image_, 64 * kMiB).value();
  const auto filled = over(oldest);
  change(filled, {"write -q -P 5 0 32M"});
  const auto discarded = over(filled);
  change(discarded, {"discard -q 0 32M"});
  const auto child = over(discarded);
  const ChainMerge wanted{.segment = {child, {discarded, filled}}, .new_id = new_object_id()};
  ASSERT_TRUE(merge(wanted).ok());
  change(child, {"read -q -P 0 0 64M"});
  EXPECT_LT(nodes_.open(wanted.new_id)->info()->allocated_bytes, kMiB);
}

TEST_F(DiskChainTest, AStopAtAnyStepLeavesTheChainAndRecognisableLeftovers) {
  const auto chain = make_chain(11, 5);
  const auto before = read_out(chain[0], "before");
  const auto nodes_before = names();
  std::size_t at = 0;
  for (; chain_of(nodes_, chain[0])->size() == chain.size(); ++at) {
    auto wanted = middle_of(chain);
    std::size_t step = 0;
    wanted.gate = [&](std::string_view) -> Result<void> {
      if (step++ == at) ::_exit(42);
      return {};
    };
    ASSERT_EQ(apart([&] { return merge(wanted).ok() ? 0 : 1; }), 42) << at;
    expect_reads_like(chain[0], before);
    for (const auto& name : names()) {
      const bool old = std::binary_search(nodes_before.begin(), nodes_before.end(), name);
      if (old || !nodes_.users_of(nodes_.folder() / name)->empty()) continue;
      EXPECT_TRUE(name == wanted.new_id || name.starts_with("." + wanted.new_id + ".")) << name;
      ASSERT_TRUE(remove_tree(nodes_.folder() / name).ok());
    }
  }
  EXPECT_EQ(at, 5U) << "stopped before each step and at the end";
  expect_sound(chain[0]);
}

TEST_F(DiskChainTest, AnErrorAtAnyStepChangesNothing) {
  const auto chain = make_chain(12, 5);
  const auto nodes_before = names();
  for (const std::string_view step :
       {"merged node", "name of the merged node", "copy of the node above", "node above"}) {
    auto wanted = middle_of(chain);
    wanted.gate = [&](std::string_view now) -> Result<void> {
      return now == step ? Result<void>(Error(Code::kResourceExhausted, "full")) : Result<void>();
    };
    EXPECT_EQ(merge(wanted).error().code(), Code::kResourceExhausted) << step;
    EXPECT_EQ(names(), nodes_before) << step;
    EXPECT_EQ(chain_of(nodes_, chain[0]).value(), chain) << step;
  }
}

TEST_F(DiskChainTest, AFileThatCannotGrowAtAnyWriteChangesNothing) {
  const auto chain = make_chain(13, 5);
  const auto before = read_out(chain[0], "before");
  const auto nodes_before = names();
  int refused = 0;
  for (rlim_t limit = 0;; limit += 300'000) {
    const int status = apart([&] {
      const rlimit small{limit, limit};
      ::signal(SIGXFSZ, SIG_IGN);
      ::setrlimit(RLIMIT_FSIZE, &small);
      return merge(middle_of(chain)).ok() ? 0 : 1;
    });
    expect_reads_like(chain[0], before);
    if (status == 0) break;
    ++refused;
    ASSERT_EQ(status, 1);
    ASSERT_EQ(names(), nodes_before) << limit;
  }
  EXPECT_GT(refused, 3);
}

TEST_F(DiskChainTest, AChainThatBecameAnotherOneIsNotMerged) {
  const auto chain = make_chain(14, 5);
  const auto first = middle_of(chain);
  ASSERT_TRUE(merge(first).ok());
  const auto nodes_before = names();
  EXPECT_EQ(merge(middle_of(chain)).error().code(), Code::kAborted);
  EXPECT_EQ(names(), nodes_before);
}

TEST_F(DiskChainTest, ADiskThatShrankIsRefused) {
  const auto oldest = nodes_.create_overlay(image_, 0).value();
  const auto lower = over(oldest);
  const auto upper = over(lower);
  const auto child = over(upper);
  ASSERT_TRUE(nodes_.open(lower)->grow(8 * kMiB).ok());
  const ChainMerge wanted{.segment = {child, {upper, lower}}, .new_id = new_object_id()};
  EXPECT_EQ(merge(wanted).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(chain_of(nodes_, child)->size(), 4U);
}

TEST_F(DiskChainTest, AFlatCopyStandsOnTheImageAlone) {
  const auto chain = make_chain(15, 5);
  const auto before = read_out(chain[0], "before");
  const auto id = new_object_id();
  ASSERT_TRUE(flatten_chain({}, nodes_, {.id = chain[0], .new_id = id}, quiet_).ok());
  for (const auto& node : chain) ASSERT_TRUE(remove_tree(file(node)).ok());
  EXPECT_EQ(chain_of(nodes_, id).value(), std::vector<std::string>{id});
  EXPECT_EQ(nodes_.open(id)->info()->backing, image_.path());
  expect_reads_like(id, before);
  expect_sound(id);
}

TEST_F(DiskChainTest, AFlatCopyThatFailsLeavesNothing) {
  const auto chain = make_chain(16, 3);
  const auto nodes_before = names();
  CancelSource source;
  source.cancel();
  const auto copied =
      flatten_chain({source.token(), {}}, nodes_, {.id = chain[0], .new_id = new_object_id()}, quiet_);
  EXPECT_EQ(copied.error().code(), Code::kCancelled);
  EXPECT_EQ(names(), nodes_before);
}

TEST_F(DiskChainTest, ALongChainComesDownInOneMerge) {
  std::vector<std::string> chain{nodes_.create_overlay(image_, 0).value()};
  while (chain.size() < 40) {
    chain.insert(chain.begin(), over(chain.front()));
    if (chain.size() % 8 == 0)
      change(chain.front(), {"write -q -P " + std::to_string(chain.size()) + " 0 128k"});
  }
  const auto before = read_out(chain[0], "before");
  const auto segment = next_merge(nodes_, chain[0]).value();
  ASSERT_TRUE(segment.has_value());
  ASSERT_TRUE(merge({.segment = *segment, .new_id = new_object_id()}).ok());
  EXPECT_LE(chain_of(nodes_, chain[0])->size(), kMaxChainNodes);
  expect_reads_like(chain[0], before);
}

// --- the plan ---

struct PlanCost {
  std::uint64_t written = 0;  // by snapshots
  std::uint64_t copied = 0;   // by merges
};

// `count` snapshots, each of size(); merges as planned.
PlanCost simulate(int count, std::uint64_t oldest, const std::function<std::uint64_t()>& size) {
  std::vector<std::uint64_t> chain{0, oldest};
  PlanCost cost;
  for (int i = 0; i < count; ++i) {
    chain.front() = size();
    cost.written += chain.front();
    chain.insert(chain.begin(), 0);
    EXPECT_LE(chain.size(), kMaxChainNodes + 1);
    const auto span = plan_merge(chain);
    EXPECT_EQ(span.has_value(), chain.size() > kMaxChainNodes);
    if (!span) continue;
    EXPECT_GE(span->first, kFirstMergeable);
    EXPECT_GE(span->count, 2U);
    EXPECT_LE(span->first + span->count, chain.size());
    const auto begin = chain.begin() + static_cast<std::ptrdiff_t>(span->first);
    const auto end = begin + static_cast<std::ptrdiff_t>(span->count);
    const auto sum = std::accumulate(begin, end, std::uint64_t{0});
    cost.copied += sum + *(begin - 1);
    *begin = sum;
    chain.erase(begin + 1, end);
    EXPECT_LE(chain.size(), kMaxChainNodes);
  }
  return cost;
}

TEST(PlanMerge, AShortChainIsLeftAlone) {
  EXPECT_EQ(plan_merge({}), std::nullopt);
  EXPECT_EQ(plan_merge(std::vector<std::uint64_t>(kMaxChainNodes, 1)), std::nullopt);
}

TEST(PlanMerge, AThousandSnapshotsAreEachCopiedAFewTimesAndTheOldestNever) {
  constexpr std::uint64_t kEach = std::uint64_t{1} << 20U;
  constexpr std::uint64_t kOldest = 4096 * kEach;
  const auto cost = simulate(1000, kOldest, [] { return kEach; });
  EXPECT_LT(cost.copied, 4 * cost.written);
  EXPECT_LT(cost.copied, kOldest) << "not once in a thousand merges";
}

TEST(PlanMerge, UnequalAndEmptySnapshotsAreNoWorse) {
  std::mt19937 random(1);
  const auto skewed = simulate(1000, std::uint64_t{1} << 40U, [&] {
    return (std::uint64_t{1} << 16U) << (random() % 12);  // 64 KiB to 128 MiB
  });
  EXPECT_LT(skewed.copied, 4 * skewed.written);
  EXPECT_EQ(simulate(1000, 0, [] { return 0U; }).copied, 0U);
}

TEST(PlanMerge, AChainThatIsMuchTooLongIsCutAtOnce) {
  std::vector<std::uint64_t> chain(100, 1);
  chain.back() = 1'000'000'000;
  const auto span = plan_merge(chain).value();
  EXPECT_LE(chain.size() - span.count + 1, kMaxChainNodes);
  EXPECT_LT(span.first + span.count, chain.size()) << "without the big one";
}

}  // namespace
}  // namespace cove
