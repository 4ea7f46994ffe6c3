#include "catalog/image_manifest.h"

namespace cove {
namespace {

constexpr std::uint64_t kVersion = 1;

bool is_digest(std::string_view text) {
  return text.size() == 71 && text.starts_with("sha256:") &&
         text.substr(7).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
Error bad(std::string_view what) { return Error(Code::kDataLoss, "image manifest: " + std::string(what)); }

}  // namespace

Result<ImageManifest> ImageManifest::from_json(const Json& json) {
  const std::uint64_t version = json.get("version").as_uint();
  if (version > kVersion) {
    return Error(Code::kFailedPrecondition, "image manifest: written by a newer cove").hint("update cove");
  }
  if (version == 0) return bad("no version");
  ImageManifest manifest;
  manifest.ref = COVE_TRY(ImageRef::parse(json.get("name").as_string()).context("image manifest"));
  manifest.digest = json.get("digest").as_string();
  if (!is_digest(manifest.digest)) return bad("no digest");
  const auto arch = arch_from(json.get("arch").as_string());
  if (!arch) return bad("unknown architecture");
  manifest.arch = *arch;
  manifest.created_at = json.get("created_at").as_string();
  manifest.kernel_version = json.get("kernel_version").as_string();
  manifest.disk_bytes = json.get("disk_bytes").as_uint();
  manifest.content_bytes = json.get("content_bytes").as_uint();
  manifest.command_line = json.get("command_line").as_string();
  manifest.agent_sha256 = json.get("agent_sha256").as_string();
  manifest.recipe_sha256 = json.get("recipe_sha256").as_string();
  if (manifest.disk_bytes == 0 || manifest.command_line.empty()) return bad("incomplete");
  return manifest;
}

Json ImageManifest::to_json() const {
  return Json::object({{"version", kVersion},
                       {"name", ref.str()},
                       {"digest", digest},
                       {"arch", to_string(arch)},
                       {"created_at", created_at},
                       {"kernel_version", kernel_version},
                       {"disk_bytes", disk_bytes},
                       {"content_bytes", content_bytes},
                       {"command_line", command_line},
                       {"agent_sha256", agent_sha256},
                       {"recipe_sha256", recipe_sha256}});
}

std::string kernel_arguments(std::string_view hostname, std::string_view machine_id) {
  std::string arguments = "systemd.hostname=" + std::string(hostname);
  if (!machine_id.empty()) arguments += " systemd.machine_id=" + std::string(machine_id);
  return arguments;
}

}  // namespace cove
