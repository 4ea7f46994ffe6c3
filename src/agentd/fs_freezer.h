// FsFreezer: freezes the guest's file systems for as long as a snapshot takes, and thaws them by itself when
// a deadline is over: a host that dies never leaves a frozen guest. Nothing between the two writes anywhere.
// Owned by the agent's handlers; any thread, several at once. Its end thaws.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agentd/mount_table.h"
#include "base/cancel.h"
#include "base/guarded.h"
#include "base/thread.h"
#include "base/unique_fd.h"

namespace cove::agentd {

// What freezing is made of, so that tests, and agents of guests that are none, harm nobody.
struct FreezeCalls {
  std::function<Result<std::string>()> mounts;  // mountinfo's text
  std::function<void()> sync;
  std::function<Result<UniqueFd>(const Mount&)> open;  // kNotFound: another one is mounted over it
  std::function<int(int)> freeze;                      // of what open gave; 0 or an error number
  std::function<int(int)> thaw;

  static FreezeCalls of_this_machine();
  // One file system, "/", that is frozen and thawed in word only.
  static FreezeCalls of_nothing();
};

struct FreezeItem {
  enum class End : unsigned char { kDone, kSkipped, kFailed };
  std::string point;
  End end = End::kDone;
  std::string detail;
};

struct ThawReport {
  enum class Was : unsigned char { kNotFrozen, kFrozen, kExpired };
  Was was = Was::kNotFrozen;
  std::vector<FreezeItem> items{};
};

class FsFreezer final {
 public:
  static constexpr auto kMaxDeadline = std::chrono::minutes(1);

  explicit FsFreezer(FreezeCalls calls) : calls_(std::move(calls)) {}
  FsFreezer(const FsFreezer&) = delete;
  FsFreezer& operator=(const FsFreezer&) = delete;
  ~FsFreezer();

  // kFailedPrecondition: frozen already. kDeadlineExceeded, kAborted: thawed again before all were frozen.
  Result<std::vector<FreezeItem>> freeze(const OpContext& ctx, std::chrono::milliseconds deadline);
  ThawReport thaw();

 private:
  enum class Phase : unsigned char { kIdle, kFreezing, kFrozen, kExpired };
  static bool may_be_frozen(Phase phase) { return phase == Phase::kFreezing || phase == Phase::kFrozen; }
  struct Frozen {
    std::string point;
    UniqueFd fd;
  };
  struct State {
    Phase phase = Phase::kIdle;
    std::uint64_t round = 0;     // which freeze() it is about
    std::vector<Frozen> frozen;  // in the order in which it was done
  };

  Result<std::vector<FreezeItem>> freeze_all(const OpContext& ctx, std::uint64_t round);
  FreezeItem freeze_one(const Filesystem& filesystem, std::uint64_t round);
  Result<UniqueFd> open_one(const Filesystem& filesystem) const;
  bool is_in(Phase phase, std::uint64_t round) const;
  // Leaves the phases in which something may be frozen, and thaws that.
  ThawReport end(Phase next);
  void guard(std::uint64_t round, Deadline deadline);

  FreezeCalls calls_;
  Guarded<State> state_;
  Guarded<Thread> guard_;
};

}  // namespace cove::agentd
