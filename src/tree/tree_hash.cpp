#include "tree/tree_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cove {

struct TreeHash::State {
  XXH64_state_t xxh;
};

TreeHash::TreeHash() : state_(std::make_unique<State>()) { reset(); }
TreeHash::~TreeHash() = default;

void TreeHash::reset() { XXH64_reset(&state_->xxh, 0); }
void TreeHash::update(std::string_view bytes) { XXH64_update(&state_->xxh, bytes.data(), bytes.size()); }
std::uint64_t TreeHash::digest() const { return XXH64_digest(&state_->xxh); }
std::uint64_t TreeHash::of(std::string_view bytes) { return XXH64(bytes.data(), bytes.size(), 0); }

}  // namespace cove
