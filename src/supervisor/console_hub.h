// ConsoleHub: between a guest's serial console and whoever looks at it: writes serial.log, keeps the tail,
// copies output to every reader and every reader's input to the guest. Lives on the relay loop; the members
// may be called from any thread. A reader that does not read loses output, with a note; it never holds up the
// guest or other readers.
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/guarded.h"
#include "base/result.h"
#include "control/raw_stream.h"
#include "supervisor/console_log.h"
#include "supervisor/panic_scanner.h"

namespace cove {

// How many of the console's last lines go with an answer.
inline constexpr std::size_t kTailLines = 10;

class ConsoleHub {
 public:
  // Called on the relay loop.
  struct Handlers {
    std::function<void()> on_first_output{};                    // once for each attach_guest()
    std::function<void(const std::string& reason)> on_panic{};  // the console says that the kernel gave up
  };
  static Result<std::unique_ptr<ConsoleHub>> create(EventLoop& relay, const std::filesystem::path& log_path,
                                                    Handlers handlers);
  // Destroy it on the relay loop.
  ~ConsoleHub();

  // The guest's console from now on; an earlier one is closed. Readers stay.
  void attach_guest(UniqueFd console);
  // The machine moves to another engine process (docs/design/011-hand-over.md). Done when they return; not on
  // the relay loop. attach_guest() ends a hold too.
  // From now on nothing is read from the guest's socket and nothing written to it; what is typed waits.
  void hold();
  // The old engine does nothing any more: takes in what it had sent, then goes on over `fresh`. `unread` is
  // what the old engine had not read: it goes to the guest again, before what waits. Ends the hold.
  void move_to(UniqueFd fresh, std::string unread);
  // The old engine goes on: the same socket, `unread` first. Ends the hold.
  void go_on(std::string unread);
  // The position `replay_bytes` before the latest output, at most back to where the console began.
  std::uint64_t position(std::uint64_t replay_bytes) const;
  // A reader that leaves by closing; it gets the output from this position on, without a gap. Take the
  // position before telling the client that it is attached: from then on it must miss nothing.
  void add_reader(RawStream stream, std::uint64_t from);
  std::vector<std::string> last_lines(std::size_t count) const;

 private:
  struct Reader;

  ConsoleHub(EventLoop& relay, ConsoleLog log, Handlers handlers);
  void guest_readable();
  enum class Took : std::uint8_t { kSome, kNothingNow, kEnd };
  Took take_some();
  void end_hold(std::string_view unread);
  void take_output(std::string_view bytes);
  void deliver(std::string_view bytes);
  void reader_readable(Reader& reader);
  void type(std::string_view bytes);
  void flush_input();
  void remove(const Reader& reader);

  EventLoop& relay_;
  ConsoleLog log_;
  Handlers handlers_;
  PanicScanner panics_;
  Guarded<ConsoleTail> tail_;
  UniqueFd guest_;
  bool spoken_ = false;
  bool held_ = false;
  std::string input_;  // typed, not yet taken by the guest
  Registration guest_read_;
  Registration guest_write_;
  std::list<std::unique_ptr<Reader>> readers_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cove
