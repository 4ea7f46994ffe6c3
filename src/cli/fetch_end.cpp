#include "cli/fetch_end.h"

#include <csignal>

namespace cove {

Error end_fetch(Process& fetch, FetchLines& lines, std::chrono::nanoseconds patience, Progress& progress,
                Error cancelled) {
  progress.step("cleaning up");
  const OpContext unhurried{{}, Deadline::after(patience)};
  NoProgress silent;
  fetch.signal_group(SIGTERM);
  const auto told = lines.read(unhurried, silent);
  if (!fetch.wait(unhurried).ok()) {
    fetch.signal_group(SIGKILL);
    return std::move(cancelled).hint(
        "the builder had to be killed: folders building-* in COVE_HOME/cache/images and cove-build-* in "
        "TMPDIR "
        "may be left; the next build removes them");
  }
  const bool hinted = !told.ok() && !told.error().hint_text().empty();
  return hinted ? std::move(cancelled).hint(told.error().hint_text()) : std::move(cancelled);
}

}  // namespace cove
