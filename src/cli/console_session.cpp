#include "cli/console_session.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/io.h"
#include "cli/terminal.h"

namespace cove {
namespace {

constexpr char kLeaveKey = 0x1D;  // Ctrl-]
constexpr std::size_t kConsoleChunk = 16384;

class Session {
 public:
  Session(RawStream stream, const ConsoleOptions& options)
      : stream_(std::move(stream)), options_(options), interactive_(is_terminal(options.in)) {}

  Result<ConsoleEnd> run(const OpContext& ctx) {
    COVE_TRY(write_all(ctx, options_.out, stream_.early));
    for (;;) {
      std::array<pollfd, 3> wanted{{{stream_.fd.get(), POLLIN, 0},
                                    {in_open_ ? options_.in : -1, POLLIN, 0},
                                    {ctx.cancel.fd(), POLLIN, 0}}};
      if (::poll(wanted.data(), wanted.size(), ctx.deadline.poll_timeout_ms()) < 0 && errno != EINTR) {
        return Error::from_errno(errno, "poll");
      }
      COVE_TRY(ctx.check());
      if (wanted[0].revents != 0 && COVE_TRY(carry_output(ctx)) == 0) return ConsoleEnd::kGuestEnded;
      if (wanted[1].revents != 0 && COVE_TRY(carry_input(ctx))) return ConsoleEnd::kLeft;
    }
  }

 private:
  Result<std::size_t> carry_output(const OpContext& ctx) {
    std::array<char, kConsoleChunk> buffer;
    const auto count = COVE_TRY(read_some(ctx, stream_.fd.get(), buffer));
    COVE_TRY(write_all(ctx, options_.out, {buffer.data(), count}));
    return count;
  }

  // Whether the user leaves.
  Result<bool> carry_input(const OpContext& ctx) {
    std::array<char, kConsoleChunk> buffer;
    const auto count = COVE_TRY(read_some(ctx, options_.in, buffer));
    if (count == 0) {
      in_open_ = false;
      return options_.at_end == ConsoleOptions::AtEnd::kLeave;
    }
    std::string_view typed(buffer.data(), count);
    const auto leave = interactive_ ? typed.find(kLeaveKey) : std::string_view::npos;
    const auto sent = write_all(ctx, stream_.fd.get(), typed.substr(0, leave));
    // A guest that is gone shows as the end of the stream; what was typed then is lost with it.
    if (!sent.ok() && sent.error().code() == Code::kCancelled) return sent.error();
    return leave != std::string_view::npos;
  }

  RawStream stream_;
  const ConsoleOptions& options_;
  bool interactive_;
  bool in_open_ = true;
};

}  // namespace

Result<ConsoleEnd> run_console(const OpContext& ctx, RawStream stream, const ConsoleOptions& options) {
  std::optional<RawTerminal> raw;
  if (is_terminal(options.in)) raw.emplace(COVE_TRY(RawTerminal::enter(options.in)));
  return Session(std::move(stream), options).run(ctx);
}

}  // namespace cove
