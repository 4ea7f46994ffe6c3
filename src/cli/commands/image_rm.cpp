#include "base/files.h"
#include "catalog/image_cache.h"
#include "cli/commands/commands.h"

namespace cove {
namespace {

Result<int> run_image_rm(Invocation& inv) {
  std::vector<ImageRef> refs;
  for (const auto& word : inv.flags.words) {
    auto ref = ImageRef::parse(word);
    if (!ref.ok()) return inv.usage(std::move(ref).error());
    refs.push_back(std::move(ref).value());
  }
  const ImageCache cache(inv.env.home);
  for (const auto& ref : refs) {
    COVE_TRY(cache.remove(ref));
    inv.out.note(ref.str() + ": removed");
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kImageRmCommand{.name = "image rm",
                                            .words = "IMAGE...",
                                            .summary = "remove images that no VM stands on",
                                            .flags = {},
                                            .word_kind = WordKind::kCachedImage,
                                            .least_words = 1,
                                            .most_words = kAnyNumber,
                                            .vm_flag = VmFlag::kRefused,
                                            .run = run_image_rm};

}  // namespace cove
