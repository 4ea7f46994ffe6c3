// Random sequences of everything that is done to VMs with states, against a simple model. The steps are
// numbers from rapidcheck, which drops of a failing sequence what it does not need. COVE_TEST_MODEL_RUNS is
// how many sequences; RC_PARAMS="reproduce=..." repeats one that failed.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdlib>

#include "state_model.h"

namespace cove::state_test {
namespace {

constexpr auto kShrinkFor = std::chrono::seconds(60);
constexpr const char* kRuns = "12";

TEST(StateModel, EverySequenceOfOperationsLeavesWhatTheModelSays) {
  const char* runs = std::getenv("COVE_TEST_MODEL_RUNS");
  ::setenv("RC_PARAMS", ("max_size=80 max_success=" + std::string(runs != nullptr ? runs : kRuns)).c_str(),
           0);
  std::map<std::string, int> counts;
  std::optional<std::chrono::steady_clock::time_point> failed_at;
  const bool holds = rc::check("states", [&] {
    const auto seed = rc::gen::noShrink(rc::gen::inRange<std::uint32_t>(0, 1U << 30U));
    const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(seed);
    if (failed_at && std::chrono::steady_clock::now() - *failed_at > kShrinkFor) return;
    StateModel model("/dev/shm");
    Result<void> result;
    for (std::size_t i = 0; i < steps.size() && result.ok(); ++i) result = model.step(steps[i]);
    if (result.ok()) result = model.finish();
    for (const auto& [name, count] : model.counts()) counts[name] += count;
    if (result.ok()) return;
    if (!failed_at) {
      failed_at = std::chrono::steady_clock::now();
      std::fprintf(stderr, "first failure: %s\nafter:\n%s\n", result.error().message().c_str(),
                   model.history().c_str());
    }
    RC_FAIL(result.error().message() + "\nafter:\n" + model.history());
  });
  EXPECT_TRUE(holds);
  std::string told;
  int total = 0;
  for (const auto& [name, count] : counts) {
    told += name + " " + std::to_string(count) + ", ";
    total += count;
  }
  std::printf("%d steps: %s\n", total, told.c_str());
}

}  // namespace
}  // namespace cove::state_test
