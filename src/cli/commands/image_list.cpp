#include "base/files.h"
#include "base/strings.h"
#include "catalog/image_cache.h"
#include "cli/commands/commands.h"
#include "cli/image_supply.h"

namespace cove {
namespace {

Result<int> run_image_list(Invocation& inv) {
  Json elements = Json::array();
  std::vector<std::vector<std::string>> rows{
      {"IMAGE", "SIZE", "VMS", "AGENT", "KERNEL", "CREATED", "DIGEST"}};
  const auto own_agent = own_agent_sha256(inv.env);
  for (const auto& entry : COVE_TRY(ImageCache(inv.env.home).list())) {
    const auto& manifest = entry.image.manifest;
    const bool current = own_agent.ok() && *own_agent == manifest.agent_sha256;
    std::vector<std::string> names;
    Json refs = Json::array();
    for (const auto& ref : entry.refs) {
      names.push_back(ref.str());
      refs.push_back(ref.str());
    }
    rows.push_back({names.empty() ? "(superseded)" : join(names, ", "), format_bytes(manifest.content_bytes),
                    std::to_string(entry.disk_users.size()), current ? "current" : "other",
                    manifest.kernel_version, manifest.created_at.substr(0, 10),
                    manifest.digest.substr(0, 19)});
    elements.push_back(Json::object({{"refs", std::move(refs)},
                                     {"digest", manifest.digest},
                                     {"arch", to_string(manifest.arch)},
                                     {"created_at", manifest.created_at},
                                     {"kernel_version", manifest.kernel_version},
                                     {"agent_sha256", manifest.agent_sha256},
                                     {"agent_current", current},
                                     {"disk_bytes", manifest.disk_bytes},
                                     {"content_bytes", manifest.content_bytes},
                                     {"disk_users", std::uint64_t{entry.disk_users.size()}}}));
  }
  if (inv.json()) {
    inv.out.print_json(Json::object({{"version", 1}, {"images", std::move(elements)}}));
  } else if (rows.size() == 1) {
    inv.out.note("There is no image yet. 'cove up' builds the one it needs; or: cove image build debian:12");
  } else {
    inv.out.print(printable(format_table(rows)));
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kImageListCommand{.name = "image list",
                                              .words = "",
                                              .summary = "list the images on this host",
                                              .flags = {},
                                              .vm_flag = VmFlag::kRefused,
                                              .run = run_image_list};

}  // namespace cove
