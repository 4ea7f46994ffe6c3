#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/image_supply.h"
#include "cli/progress_line.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kImageBuildFlags{{
    {"rebuild", FlagKind::kSwitch, "", "build anew although there is one; VMs keep the one they stand on",
     ""},
}};

Result<int> run_image_build(Invocation& inv) {
  auto ref = ImageRef::parse(inv.flags.words.empty() ? kDefaultImage : inv.flags.words[0]);
  if (!ref.ok()) return inv.usage(std::move(ref).error());
  if (std::find(kBuildableImages.begin(), kBuildableImages.end(), ref->str()) == kBuildableImages.end()) {
    return inv.usage(Error(Code::kInvalidArgument, "there is no recipe for image \"" + ref->str() + "\"")
                         .hint("one of: " + join({kBuildableImages.begin(), kBuildableImages.end()}, ", ")));
  }
  auto progress = make_progress(inv.env.err);
  const auto rebuild = inv.flags.is_set("rebuild") ? Rebuild::kAlways : Rebuild::kIfMissing;
  const auto image = COVE_TRY(build_image(inv.context(), inv.env, *ref, rebuild, *progress));
  progress.reset();
  inv.out.note(ref->str() + ": " + image.manifest.digest);
  return 0;
}

}  // namespace

constinit const CommandSpec kImageBuildCommand{.name = "image build",
                                               .words = "[IMAGE]",
                                               .summary = "build an image from this host's package mirror",
                                               .flags = kImageBuildFlags,
                                               .word_kind = WordKind::kImage,
                                               .most_words = 1,
                                               .vm_flag = VmFlag::kRefused,
                                               .run = run_image_build};

}  // namespace cove
