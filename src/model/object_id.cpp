#include "model/object_id.h"

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kIdBytes = 16;

}  // namespace

std::string new_object_id() { return hex_encode(random_bytes(kIdBytes)); }

bool is_object_id(std::string_view text) {
  return text.size() == 2 * kIdBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace cove
