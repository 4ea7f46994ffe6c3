// Checksum128: XXH3 with 128 bits: against torn writes and bad disks, not against somebody who forges. A
// value; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

struct Checksum128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static Checksum128 of(std::string_view bytes);
  // 32 lower-case hex digits, high half first, as `xxh128sum` prints them; kDataLoss for anything else.
  static Result<Checksum128> from_hex(std::string_view text);
  std::string to_hex() const;
  friend bool operator==(const Checksum128&, const Checksum128&) = default;
};

// The same over bytes that come in pieces. One thread.
class Checksum128Stream {
 public:
  Checksum128Stream();
  ~Checksum128Stream();
  Checksum128Stream(const Checksum128Stream&) = delete;
  Checksum128Stream& operator=(const Checksum128Stream&) = delete;
  void update(std::string_view bytes);
  Checksum128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cove
