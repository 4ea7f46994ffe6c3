// Thread: a std::thread with a name that joins in its destructor. No detach.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace cove {

class Thread {
 public:
  Thread() = default;
  // Runs `body` on a new thread; the name (15 bytes are kept) shows in ps and gdb. All signals are blocked
  // there.
  Thread(const std::string& name, std::function<void()> body);
  Thread(Thread&&) = default;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();
  void join();
  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

}  // namespace cove
