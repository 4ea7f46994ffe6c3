// The pipe on which a starting supervisor tells its launcher how far it is: one JSON object per line, the
// last one says that it runs or why it does not. ReadyReporter is the supervisor's end, read_ready the
// launcher's.
#pragma once

#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

// Any thread, one at a time. Without a descriptor, or once the launcher is gone, it says nothing to nobody.
class ReadyReporter final : public Progress {
 public:
  explicit ReadyReporter(UniqueFd pipe) : pipe_(std::move(pipe)) {}
  void step(std::string_view what) override;
  void amount(std::uint64_t done, std::uint64_t total) override;
  // The last word: closes the pipe.
  void finish(const Result<void>& outcome);

 private:
  void write_line(const std::string& line);
  UniqueFd pipe_;
};

// Passes steps on until the last word. kAborted: the pipe ended without one.
Result<void> read_ready(const OpContext& ctx, int pipe, Progress& progress);

}  // namespace cove
