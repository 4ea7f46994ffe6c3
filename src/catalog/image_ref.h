// ImageRef: the name of an image as a user writes it: "debian:12", "debian:12-full". A value.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

struct ImageRef {
  std::string family;  // "debian"
  std::string tag;     // "12", "12-full"

  // [a-z0-9._-]{1,32} on both sides of one colon; "debian" alone means the default tag "12".
  static Result<ImageRef> parse(std::string_view text);
  std::string str() const { return family + ":" + tag; }
  std::string file_name() const { return family + "-" + tag; }
  // clang-tidy 14 takes what the compiler makes of it for a literal 0.
  auto operator<=>(const ImageRef&) const = default;  // NOLINT(modernize-use-nullptr)
};

// What `cove image build` knows to make.
inline constexpr std::array<std::string_view, 2> kBuildableImages{"debian:12", "debian:12-full"};
// What `cove up` uses when nothing is said.
inline constexpr std::string_view kDefaultImage = "debian:12";

}  // namespace cove
