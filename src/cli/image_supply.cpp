#include "cli/image_supply.h"

#include <fcntl.h>
#include <signal.h>

#include <array>

#include "base/clock.h"
#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "base/process.h"
#include "base/strings.h"
#include "catalog/debian_builder.h"
#include "cli/fetch_end.h"
#include "format/sha256.h"

namespace cove {
namespace {

constexpr std::size_t kMaxAgentBytes = std::size_t{64} << 20U;
const char* const kFakeAgent = "0000000000000000000000000000000000000000000000000000000000000000";

// A boot disk without a system: the fake backend reads none of it.
Result<CachedImage> make_fake_image(const OpContext& ctx, const Environment& env, const ImageRef& ref) {
  const ImageCache cache(env.home);
  const auto lock = COVE_TRY(cache.lock_for_build(ctx, ref));
  if (auto found = COVE_TRY(cache.find(ref))) return std::move(*found);
  auto folder = COVE_TRY(cache.scratch(ref));
  constexpr std::uint64_t kBytes = std::uint64_t{2} << 30U;
  COVE_TRY(DiskImage::create(folder.path() / "disk.raw", DiskFormat::kRaw, kBytes));
  COVE_TRY(write_file_atomic(folder.path() / "vmlinuz", "fake kernel\n", 0600));
  COVE_TRY(write_file_atomic(folder.path() / "initrd.img", "fake initial RAM disk\n", 0600));
  ImageManifest manifest{.ref = ref,
                         .digest = {},
                         .arch = host_arch(),
                         .created_at = format_rfc3339(std::chrono::system_clock::now()),
                         .kernel_version = "0.0-fake",
                         .disk_bytes = kBytes,
                         .content_bytes = 0,
                         .command_line = "fake",
                         .agent_sha256 = kFakeAgent,
                         .recipe_sha256 = std::string(64, '0')};
  return cache.publish(ctx, std::move(folder), std::move(manifest));
}

Result<void> run_fetch(const OpContext& ctx, const Environment& env, const ImageRef& ref, Rebuild rebuild,
                       Progress& progress) {
  auto [read_end, write_end] = COVE_TRY(make_pipe());
  const auto part = [&](const char* name) { return (env.libexec / name).string(); };
  const SpawnOptions options{
      .argv = {part("cove-fetch"), "build", ref.str(), "-home", env.home.string(), "-agent",
               part("cove-agent"), "-unit", part("cove-agent.service"), "-initrd", part("cove-initrd"),
               "-json-progress", rebuild == Rebuild::kAlways ? "-force" : "-if-missing"},
      .environment = {},
      .working_directory = {},
      .descriptors = {{1, write_end.get()}, {2, env.err}},
      .session = SpawnOptions::Session::kNewGroup,
      .parent_death_signal = SIGTERM};
  log_debug("starting the image builder", {{"command", join(options.argv, " ")}});
  auto child = COVE_TRY(Process::spawn(options));
  write_end.reset();
  FetchLines lines(read_end.get());
  auto told = lines.read(ctx, progress);
  if (!told.ok() && told.error().code() == Code::kCancelled)
    return end_fetch(child, lines, kBuildCancelLimit, progress, std::move(told).error());
  const auto status = COVE_TRY(child.wait(ctx));
  if (!told.ok()) return told;
  if (status.success()) return {};
  return Error(Code::kInternal, "cove-fetch ended with " + status.describe() + " without saying why");
}

// The steps of a larger one, which each names first.
class StepsOf final : public Progress {
 public:
  StepsOf(std::string whole, Progress& shown) : whole_(std::move(whole)), shown_(shown) {}
  void step(std::string_view what) override { shown_.step(whole_ + ": " + std::string(what)); }
  void amount(std::uint64_t done, std::uint64_t total) override { shown_.amount(done, total); }

 private:
  std::string whole_;
  Progress& shown_;
};

}  // namespace

Result<CachedImage> build_image(const OpContext& ctx, const Environment& env, const ImageRef& ref,
                                Rebuild rebuild, Progress& progress) {
  progress.step("building image " + ref.str());
  if (env.backend == "fake") return make_fake_image(ctx, env, ref);
  StepsOf steps("building image " + ref.str(), progress);
  COVE_TRY(run_fetch(ctx, env, ref, rebuild, steps).context("building image " + ref.str()));
  auto built = COVE_TRY(ImageCache(env.home).find(ref));
  if (!built)
    return Error(Code::kInternal, "cove-fetch reported success, but there is no image " + ref.str());
  return std::move(*built);
}

Result<CachedImage> supply_image(const OpContext& ctx, const Environment& env, const ImageRef& ref,
                                 Progress& progress) {
  if (auto found = COVE_TRY(ImageCache(env.home).find(ref))) return std::move(*found);
  return build_image(ctx, env, ref, Rebuild::kIfMissing, progress);
}

Result<std::string> own_agent_sha256(const Environment& env) {
  if (env.backend == "fake") return std::string(kFakeAgent);
  return sha256_hex(COVE_TRY(read_file(env.libexec / "cove-agent", kMaxAgentBytes)));
}

std::string agent_hint(const Environment& env, const ImageManifest& manifest) {
  const auto own = own_agent_sha256(env);
  if (!own.ok() || *own == manifest.agent_sha256) return {};
  return "hint: the cached image " + manifest.ref.str() +
         " carries the agent of another cove; renew it for VMs to come: cove image build -rebuild " +
         manifest.ref.str();
}

}  // namespace cove
