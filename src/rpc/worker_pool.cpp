#include "rpc/worker_pool.h"

namespace cove::rpc {

WorkerPool::WorkerPool(std::string name, std::size_t max_threads)
    : name_(std::move(name)), max_threads_(max_threads) {}

WorkerPool::~WorkerPool() {
  auto workers = state_.with([](State& state) { return std::move(state.workers); });
  for (const auto& worker : workers) worker->slot.with([](Slot& slot) { slot.stop = true; });
  for (const auto& worker : workers) worker->thread.join();
}

bool WorkerPool::submit(std::function<void()> job) {
  Worker* worker = state_.with([&](State& state) -> Worker* {
    if (!state.idle.empty()) {
      Worker* last = state.idle.back();
      state.idle.pop_back();
      return last;
    }
    if (state.workers.size() >= max_threads_) return nullptr;
    Worker& fresh = *state.workers.emplace_back(std::make_unique<Worker>());
    fresh.thread = Thread(name_, [this, &fresh] { work(fresh); });
    return &fresh;
  });
  if (!worker) return false;
  worker->slot.with([&](Slot& slot) { slot.job = std::move(job); });
  return true;
}

void WorkerPool::work(Worker& worker) {
  for (;;) {
    std::function<void()> job;
    static_cast<void>(worker.slot.wait(
        {}, [](Slot& slot) { return slot.job || slot.stop; },
        [&](Slot& slot) { job = std::exchange(slot.job, nullptr); }));
    if (!job) return;
    job();
    job = nullptr;
    state_.with([&](State& state) { state.idle.push_back(&worker); });
  }
}

}  // namespace cove::rpc
