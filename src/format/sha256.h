// Sha256: the digest of FIPS 180-4, fed in pieces. A value; not synchronised. For content addresses and
// checksums, where a library for it would cost the light programs their start-up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cove {

class Sha256 {
 public:
  void update(std::string_view bytes);
  // 32 raw bytes. The object is used up.
  std::string finish();
  // finish() as 64 lower-case hex digits.
  std::string finish_hex();

 private:
  void block(const unsigned char* bytes);
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace cove
