#include "base/event_loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "base/log.h"

namespace cove {
namespace {

namespace asio = boost::asio;

constexpr auto kSlowCallback = std::chrono::milliseconds(50);

void run_timed(const std::function<void()>& fn) {
  const auto start = std::chrono::steady_clock::now();
  fn();
  const auto spent = std::chrono::steady_clock::now() - start;
  if (spent > kSlowCallback) {
    log_debug("slow loop callback",
              {{"ms", std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(spent).count())}});
  }
}

// One watch. Shared with its pending wait, so that it outlives the registration until Asio lets go of it.
struct Watch : std::enable_shared_from_this<Watch> {
  Watch(asio::io_context& context, int fd, Ready interest_, std::function<void()> on_ready_)
      : descriptor(context, fd), interest(interest_), on_ready(std::move(on_ready_)) {}

  void arm() {
    const auto kind = interest == Ready::kRead ? asio::posix::descriptor_base::wait_read
                                               : asio::posix::descriptor_base::wait_write;
    descriptor.async_wait(kind, [self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->cancelled) return;
      run_timed(self->on_ready);
      if (!self->cancelled) self->arm();
    });
  }

  asio::posix::stream_descriptor descriptor;  // a duplicate, so that one descriptor may be watched twice
  Ready interest;
  std::function<void()> on_ready;
  bool cancelled = false;
};

struct Timer {
  explicit Timer(asio::io_context& context) : timer(context) {}
  asio::steady_timer timer;
  bool cancelled = false;
};

class AsioLoop final : public EventLoop {
 public:
  Registration watch(int fd, Ready interest, std::function<void()> on_ready) override {
    auto copy = duplicate(fd);
    COVE_CHECK(copy.ok());
    auto watch = std::make_shared<Watch>(context_, copy->release(), interest, std::move(on_ready));
    watch->arm();
    return Registration([watch] {
      watch->cancelled = true;
      boost::system::error_code ignored;
      watch->descriptor.close(ignored);
    });
  }

  Registration after(std::chrono::milliseconds delay, std::function<void()> fn) override {
    auto timer = std::make_shared<Timer>(context_);
    timer->timer.expires_after(delay);
    timer->timer.async_wait([timer, fn = std::move(fn)](const boost::system::error_code& error) {
      if (!error && !timer->cancelled) run_timed(fn);
    });
    return Registration([timer] {
      timer->cancelled = true;
      timer->timer.cancel();
    });
  }

  void post(std::function<void()> fn) override {
    asio::post(context_, [fn = std::move(fn)] { run_timed(fn); });
  }
  void stop() override { context_.stop(); }
  bool in_loop_thread() const override { return thread_ == std::this_thread::get_id(); }

  void run() override {
    thread_ = std::this_thread::get_id();
    context_.run();
    // Afterwards, not before: a stop() that comes before run() has begun must not be forgotten.
    context_.restart();
  }
  bool run_one(std::chrono::milliseconds max_wait) override {
    thread_ = std::this_thread::get_id();
    const bool ran = context_.run_one_for(max_wait) > 0;
    context_.restart();
    return ran;
  }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread::id thread_;
};

}  // namespace

std::unique_ptr<EventLoop> make_event_loop() { return std::make_unique<AsioLoop>(); }

}  // namespace cove
