// WorkerPool: threads for the handlers of one connection, started when a job finds none idle, kept until the
// pool goes. The one that became idle last gets the next job, while its stack is warm. Owned by serve();
// submit() from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/thread.h"

namespace cove::rpc {

class WorkerPool final {
 public:
  WorkerPool(std::string name, std::size_t max_threads);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  // Waits for running jobs.
  ~WorkerPool();
  // False: as many jobs run as there may be threads.
  bool submit(std::function<void()> job);

 private:
  struct Slot {
    std::function<void()> job;
    bool stop = false;
  };
  struct Worker {
    Guarded<Slot> slot;
    Thread thread;
  };
  struct State {
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<Worker*> idle;
  };
  void work(Worker& worker);

  std::string name_;
  std::size_t max_threads_;
  Guarded<State> state_;
};

}  // namespace cove::rpc
