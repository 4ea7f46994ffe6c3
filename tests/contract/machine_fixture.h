// MachineRun: one machine under test with its loop, its events and its console. Everything on the test's
// thread.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/hypervisor.h"

namespace cove {

class MachineRun {
 public:
  MachineRun(Hypervisor& hypervisor, MachineSpec spec, MachineOrigin origin = {}) : loop_(make_event_loop()) {
    auto machine = hypervisor.create(*loop_, std::move(spec), std::move(origin));
    COVE_CHECK(machine.ok());
    machine_ = std::move(*machine);
    registration_ = machine_->on_event([this](const MachineEvent& event) { events_.push_back(event); });
    console_ = machine_->take_console();
    loop_->run_one(std::chrono::milliseconds(0));  // makes this thread the loop's
  }

  Machine& machine() { return *machine_; }
  EventLoop& loop() { return *loop_; }
  const std::vector<MachineEvent>& events() const { return events_; }
  void destroy() { machine_.reset(); }

  // Runs the loop until it holds; fails the test after a minute.
  bool await(const std::function<bool()>& condition) {
    const auto deadline = Deadline::after(std::chrono::minutes(1));
    while (!condition()) {
      if (deadline.expired()) {
        ADD_FAILURE() << "still not so after a minute; state " << to_string(machine_->state())
                      << ", console \"" << output_ << "\"";
        return false;
      }
      loop_->run_one(std::chrono::milliseconds(20));
      read_console();
    }
    return true;
  }
  bool await_state(MachineState state) {
    return await([&] { return machine_->state() == state; });
  }
  bool await_output(std::string_view text) {
    return await([&] { return output_.find(text) != std::string::npos; });
  }
  bool await_event(MachineEvent::Kind kind) {
    return await([&] { return count(kind) > 0; });
  }
  std::size_t count(MachineEvent::Kind kind) const {
    std::size_t number = 0;
    for (const auto& event : events_) number += event.kind == kind ? 1 : 0;
    return number;
  }
  // Calls and waits for the answer, which must come once and after the call has returned.
  Result<void> call(const std::function<void(Done<void>)>& function) {
    auto answer = std::make_shared<std::vector<Result<void>>>();
    function([answer](Result<void> result) { answer->push_back(std::move(result)); });
    EXPECT_TRUE(answer->empty()) << "answered inside the call";
    if (!await([&] { return !answer->empty(); })) return Error(Code::kDeadlineExceeded, "no answer");
    EXPECT_EQ(answer->size(), 1U);
    return answer->front();
  }
  Result<void> start() {
    return call([&](Done<void> done) { machine_->start(std::move(done)); });
  }
  Result<void> pause() {
    return call([&](Done<void> done) { machine_->pause(std::move(done)); });
  }
  Result<void> resume() {
    return call([&](Done<void> done) { machine_->resume(std::move(done)); });
  }
  Result<void> stop(StopMode mode) {
    return call([&](Done<void> done) { machine_->stop(mode, std::move(done)); });
  }
  void type(std::string_view text) {
    ASSERT_EQ(::send(console_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void clear_output() { output_.clear(); }
  // From now on what the guest says stays in the socket.
  void stop_listening() { listens_ = false; }
  void listen() { listens_ = true; }
  const std::string& output() const { return output_; }
  int console() const { return console_.get(); }
  // "starting running engine_exited:stopped": the story the events tell.
  std::string story() const {
    std::string text;
    for (const auto& event : events_) {
      if (!text.empty()) text += ' ';
      const bool change = event.kind == MachineEvent::Kind::kStateChanged;
      text += change ? to_string(event.state) : to_string(event.kind);
    }
    return text;
  }

 private:
  void read_console() {
    if (!listens_) return;
    char buffer[4096];
    for (;;) {
      const ssize_t count = ::recv(console_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (count <= 0) return;
      output_.append(buffer, static_cast<std::size_t>(count));
    }
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Machine> machine_;
  Registration registration_;
  std::vector<MachineEvent> events_;
  UniqueFd console_;
  bool listens_ = true;
  std::string output_;
};

}  // namespace cove
