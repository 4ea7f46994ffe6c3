#include "format/checksum128.h"

#include <array>
#include <charconv>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cove {
namespace {

constexpr std::size_t kHalfDigits = 16;

std::string hex_half(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(kHalfDigits, '0');
  for (std::size_t i = kHalfDigits; i-- > 0; value >>= 4U) text[i] = kDigits[value & 0xfU];
  return text;
}

Checksum128 checksum_from(const XXH128_hash_t& hash) { return {hash.high64, hash.low64}; }

}  // namespace

struct Checksum128Stream::State {
  XXH3_state_t xxh;
};

Checksum128 Checksum128::of(std::string_view bytes) {
  return checksum_from(XXH3_128bits(bytes.data(), bytes.size()));
}

Result<Checksum128> Checksum128::from_hex(std::string_view text) {
  const Error wrong(Code::kDataLoss, "a checksum has to be 32 lower-case hex digits");
  if (text.size() != 2 * kHalfDigits || text.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return wrong;
  Checksum128 sum;
  std::from_chars(text.data(), text.data() + kHalfDigits, sum.high, 16);
  std::from_chars(text.data() + kHalfDigits, text.data() + text.size(), sum.low, 16);
  return sum;
}

std::string Checksum128::to_hex() const { return hex_half(high) + hex_half(low); }

Checksum128Stream::Checksum128Stream() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->xxh);
}
Checksum128Stream::~Checksum128Stream() = default;
void Checksum128Stream::update(std::string_view bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
}
Checksum128 Checksum128Stream::digest() const { return checksum_from(XXH3_128bits_digest(&state_->xxh)); }

}  // namespace cove
