#include "cli/progress_line.h"

#include "base/guarded.h"
#include "base/io.h"
#include "base/strings.h"
#include "base/thread.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace cove {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto kRedraw = std::chrono::milliseconds(200);
constexpr auto kPlainEvery = std::chrono::seconds(10);

struct Phase {
  std::string what;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  SteadyClock::time_point since;
  std::string text(SteadyClock::time_point now) const {
    auto line = what;
    if (const auto more = progress_text(done, total, now - since); !more.empty()) line += "  " + more;
    return line;
  }
};

void write_text(int fd, const std::string& text) { static_cast<void>(write_all({}, fd, text)); }

class PlainProgress final : public Progress {
 public:
  explicit PlainProgress(int err) : err_(err) {}
  void step(std::string_view what) override {
    state_.with([&](State& s) {
      s.phase = {printable(what), 0, 0, SteadyClock::now()};
      s.said = SteadyClock::now();
      write_text(err_, s.phase.what + "\n");
    });
  }
  void amount(std::uint64_t done, std::uint64_t total) override {
    state_.with([&](State& s) {
      s.phase.done = done;
      s.phase.total = total;
      const auto now = SteadyClock::now();
      if (now - s.said < kPlainEvery) return;
      s.said = now;
      write_text(err_, s.phase.text(now) + "\n");
    });
  }

 private:
  struct State {
    Phase phase;
    SteadyClock::time_point said;
  };
  int err_;
  Guarded<State> state_;
};

class LiveProgress final : public Progress {
 public:
  explicit LiveProgress(int err) : err_(err), ticker_("progress", [this] { tick(); }) {}
  LiveProgress(const LiveProgress&) = delete;
  LiveProgress& operator=(const LiveProgress&) = delete;
  ~LiveProgress() override {
    state_.with([](State& s) { s.over = true; });
    ticker_.join();
    finish();
  }
  void step(std::string_view what) override {
    finish();
    state_.with([&](State& s) { s.phase = {printable(what), 0, 0, SteadyClock::now()}; });
    draw();
  }
  void amount(std::uint64_t done, std::uint64_t total) override {
    state_.with([&](State& s) {
      s.phase.done = done;
      s.phase.total = total;
    });
  }

 private:
  struct State {
    Phase phase;
    bool over = false;
  };
  void draw() {
    const auto columns = window_size(err_).columns;
    state_.with([&](State& s) {
      if (s.phase.what.empty()) return;
      write_text(err_, "\r\x1b[K" + s.phase.text(SteadyClock::now()).substr(0, columns - 1U));
    });
  }
  void finish() {
    state_.with([&](State& s) {
      if (!s.phase.what.empty()) write_text(err_, "\r\x1b[K" + s.phase.text(SteadyClock::now()) + "\n");
      s.phase = {};
    });
  }
  void tick() {
    for (;;) {
      OpContext ctx;
      const auto over = state_.wait(ctx.with_timeout(kRedraw), [](State& s) { return s.over; });
      if (over.ok()) return;
      draw();
    }
  }

  int err_;
  Guarded<State> state_;
  Thread ticker_;  // last: it uses the others
};

}  // namespace

std::string progress_text(std::uint64_t done, std::uint64_t total, SteadyClock::duration elapsed) {
  const auto seconds = std::chrono::duration<double>(elapsed).count();
  std::string text;
  if (done > 0) {
    text = format_bytes(done);
    if (total > 0) text += " of " + format_bytes(total);
    if (seconds >= 0.5)
      text += ", " + format_bytes(static_cast<std::uint64_t>(static_cast<double>(done) / seconds)) + "/s";
  }
  if (seconds >= 1) text += (text.empty() ? "" : ", ") + std::to_string(static_cast<int>(seconds)) + " s";
  return text;
}

std::unique_ptr<Progress> make_progress(int err) {
  if (is_terminal(err)) return std::make_unique<LiveProgress>(err);
  return std::make_unique<PlainProgress>(err);
}

}  // namespace cove
