#include "catalog/image_ref.h"

namespace cove {
namespace {

bool is_part(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  return !text.empty() && text.size() <= 32 && text.front() != '.' && text.front() != '-' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

Result<ImageRef> ImageRef::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  ImageRef ref;
  ref.family = text.substr(0, colon);
  ref.tag = colon == std::string_view::npos ? "12" : text.substr(colon + 1);
  if (!is_part(ref.family) || !is_part(ref.tag)) {
    return Error(Code::kInvalidArgument, "\"" + std::string(text) + "\" is no image name")
        .hint("an image is named FAMILY:TAG, for example debian:12 or debian:12-full");
  }
  return ref;
}

}  // namespace cove
