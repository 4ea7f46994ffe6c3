// TreeHash: the running checksum of one file's data: XXH64, because a guest under emulation computes it many
// times faster than a cryptographic hash, and the copy is guarded against accidents, not against the guest.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace cove {

class TreeHash {
 public:
  TreeHash();
  ~TreeHash();
  void reset();
  void update(std::string_view bytes);
  std::uint64_t digest() const;
  static std::uint64_t of(std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cove
