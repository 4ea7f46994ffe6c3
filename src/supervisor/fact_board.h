// FactBoard: how far a VM has come, as facts with the moment and the evidence. Any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/guarded.h"
#include "base/result.h"

namespace cove {

// In the order in which they come to be true.
namespace fact {
constexpr std::string_view kProcess = "process";  // the guest's CPUs run
constexpr std::string_view kKernel = "kernel";    // the console has spoken
constexpr std::string_view kAgent = "agent";      // the agent answers
constexpr std::string_view kClock = "clock";      // the guest's clock was set
constexpr std::string_view kDisk = "disk";        // the root file system fills its disk
constexpr std::string_view kUser = "user";        // the configured user is there
constexpr std::string_view kNetwork = "network";  // the guest has its address
}  // namespace fact

struct FactState {
  std::string name;
  bool met = false;
  std::chrono::system_clock::time_point met_at;
  std::string evidence;
};

class FactBoard {
 public:
  explicit FactBoard(std::vector<std::string_view> names);

  // Meeting a met fact again changes its evidence only.
  void meet(std::string_view name, std::string evidence);
  // Not true (any more), and what is known about it.
  void miss(std::string_view name, std::string evidence);
  // The guest started over: everything but kProcess is open again.
  void start_over(std::string_view why);
  // The guest's CPUs stopped or go on: while they stand still every wait but that for kProcess ends with
  // kUnavailable, for what the guest has shown before says nothing about now.
  void stand_still();
  void go_on();
  // No more facts will come: ends every wait with kAborted and this text.
  void close(std::string why);

  bool knows(std::string_view name) const;
  bool met(std::string_view name) const;
  std::vector<FactState> all() const;
  // kDeadlineExceeded, kCancelled, kUnavailable (the guest stands still), kAborted, or kNotFound for an
  // unknown name.
  Result<void> wait(const OpContext& ctx, std::string_view name);

 private:
  struct Board {
    std::vector<FactState> facts;
    std::string closed;
    bool still = false;
    FactState& find(std::string_view name);
    const FactState* look(std::string_view name) const;
  };
  Guarded<Board> board_;
};

}  // namespace cove
