// A program that is started like QEMU and speaks QMP on descriptor 3, to be as bad as -append tells it:
//   exit-first            complains and ends before the greeting
//   mute                  never greets
//   exit-on:COMMAND       ends without an answer when it gets COMMAND
//   garbage-on:COMMAND    answers COMMAND with no JSON, and lives on
//   refuse:COMMAND        answers COMMAND with an error
//   deaf-on:COMMAND       never answers COMMAND
//   panic                 after "cont" its guest's kernel panics
//   enospc                after "cont" its disk is full, until the next "cont"
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/json.h"

namespace {

constexpr int kQmp = 3;

void say(std::string_view line) {
  const std::string bytes = std::string(line) + "\r\n";
  [[maybe_unused]] const auto sent = ::send(kQmp, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void complain(std::string_view line) {
  [[maybe_unused]] const auto sent = ::write(2, line.data(), line.size());
}

class FakeQemu {
 public:
  explicit FakeQemu(std::string mode) : mode_(std::move(mode)) {}

  int run() {
    if (mode_ == "exit-first") {
      complain("qemu: warning: odd\nqemu: \x1b[31mthe disk is locked\n");
      return 1;
    }
    if (mode_ != "mute") {
      say(R"({"QMP":{"version":{"qemu":{"micro":1,"minor":0,"major":9}},"capabilities":[]}})");
    }
    for (std::string line; next_line(line);) {
      const auto message = cove::Json::parse(line);
      if (!message.ok() || mode_ == "mute") continue;
      if (!answer(message->get("execute").as_string(), message->get("id").as_uint())) return 3;
    }
    return 0;
  }

 private:
  bool next_line(std::string& line) {
    line.clear();
    for (char c = 0; ::read(kQmp, &c, 1) == 1;) {
      if (c == '\n') return true;
      line.push_back(c);
    }
    return false;
  }
  // False: end now.
  bool answer(const std::string& command, std::uint64_t id) {
    if (mode_ == "exit-on:" + command) return false;
    if (mode_ == "deaf-on:" + command) return true;
    if (mode_ == "garbage-on:" + command) return say("%%%"), true;
    if (mode_ == "refuse:" + command) {
      say(R"({"error":{"class":"GenericError","desc":"no, sorry"},"id":)" + std::to_string(id) + "}");
      return true;
    }
    if (command == "cont") say(R"({"event":"RESUME"})");
    if (command == "stop") say(R"({"event":"STOP"})");
    say(R"({"return":{},"id":)" + std::to_string(id) + "}");
    if (command == "cont" && mode_ == "enospc" && ++conts_ == 1) fill_disk();
    if (command == "cont" && mode_ == "panic") {
      say(R"({"event":"GUEST_PANICKED","data":{"action":"pause"}})");
      say(R"({"event":"STOP"})");
    }
    return command != "quit";
  }
  static void fill_disk() {
    for (int i = 0; i < 3; ++i) {
      say(R"({"event":"BLOCK_IO_ERROR","data":{"device":"","node-name":"root-disk","nospace":true,)"
          R"("reason":"No space left on device","operation":"write","action":"stop"}})");
    }
    say(R"({"event":"STOP"})");
  }

  std::string mode_;
  int conts_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::string mode;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "-append") mode = argv[i + 1];
  }
  return FakeQemu(mode).run();
}
