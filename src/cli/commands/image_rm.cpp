#include "base/files.h"
#include "catalog/image_cache.h"
#include "cli/commands/commands.h"

namespace cove {
namespace {

constexpr std::size_t kFewestDigits = 6;
constexpr std::size_t kAllDigits = 64;

// What is meant as a digest, as `image list` shows it: "sha256:" and its beginning, or that beginning alone.
std::optional<std::string_view> digits_of(std::string_view word) {
  if (word.starts_with("sha256:")) word.remove_prefix(std::string_view("sha256:").size());
  const bool hex = word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!hex || word.size() < kFewestDigits || word.size() > kAllDigits) return std::nullopt;
  return word;
}

Result<int> run_image_rm(Invocation& inv) {
  for (const auto& word : inv.flags.words) {
    if (digits_of(word)) continue;
    if (auto ref = ImageRef::parse(word); !ref.ok()) return inv.usage(std::move(ref).error());
  }
  const ImageCache cache(inv.env.home);
  for (const auto& word : inv.flags.words) {
    if (const auto digits = digits_of(word)) {
      const auto entry = COVE_TRY(cache.find_by_prefix(*digits));
      if (entry.refs.size() == 1) {
        COVE_TRY(cache.remove(entry.refs.front()));
      } else {
        COVE_TRY(cache.remove_superseded(entry.image));
      }
      inv.out.note(entry.image.manifest.digest + ": removed");
    } else {
      const auto ref = COVE_TRY(ImageRef::parse(word));
      COVE_TRY(cache.remove(ref));
      inv.out.note(ref.str() + ": removed");
    }
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kImageRmCommand{.name = "image rm",
                                            .words = "IMAGE|DIGEST...",
                                            .summary = "remove images that no VM stands on",
                                            .flags = {},
                                            .word_kind = WordKind::kCachedImage,
                                            .least_words = 1,
                                            .most_words = kAnyNumber,
                                            .vm_flag = VmFlag::kRefused,
                                            .run = run_image_rm};

}  // namespace cove
