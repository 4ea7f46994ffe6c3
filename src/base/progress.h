// Progress: how long work tells whoever watches. Called from the thread that does the work; implementations
// lock.
#pragma once

#include <cstdint>
#include <string_view>

namespace cove {

class Progress {
 public:
  virtual ~Progress() = default;
  // A new phase: "building image debian:12".
  virtual void step(std::string_view what) = 0;
  // Bytes done of this phase; total 0 = not known.
  virtual void amount(std::uint64_t done, std::uint64_t total) = 0;
};

class NoProgress final : public Progress {
 public:
  void step(std::string_view) override {}
  void amount(std::uint64_t, std::uint64_t) override {}
};

}  // namespace cove
