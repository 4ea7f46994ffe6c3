#include "agentd/mount_table.h"

#include <algorithm>

#include "base/strings.h"

namespace cove::agentd {
namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// "\040" is a blank.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                        is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escape) {
      plain += text[i];
      continue;
    }
    const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
    plain += static_cast<char>(static_cast<unsigned char>(value));
    i += 3;
  }
  return plain;
}

// File systems without a device of their own number (btrfs) still name the one they are on.
bool is_on_disk(const Mount& mount) {
  return !mount.device.starts_with("0:") || mount.source.starts_with("/dev/");
}

bool is_same(const Mount& a, const Mount& b) {
  if (a.device.starts_with("0:") && b.device.starts_with("0:"))
    return a.source == b.source && a.type == b.type;
  return a.device == b.device;
}

bool is_root(const Filesystem& filesystem) {
  return std::any_of(filesystem.mounts.begin(), filesystem.mounts.end(),
                     [](const Mount& mount) { return mount.point == "/"; });
}

}  // namespace

// id parent major:minor root point options [tag...] - type source super-options
std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 10 || dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const auto options = split(dash[3], ',');
    Mount mount;
    mount.device = fields[2];
    mount.point = unescape(fields[4]);
    mount.type = dash[1];
    mount.source = unescape(dash[2]);
    if (std::find(options.begin(), options.end(), "ro") != options.end())
      mount.access = Mount::Access::kReadOnly;
    if (mount.point.starts_with('/')) mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<Filesystem> disk_filesystems(const std::vector<Mount>& mounts) {
  std::vector<Filesystem> found;
  for (const auto& mount : mounts) {
    if (!is_on_disk(mount)) continue;
    const auto known = std::find_if(found.begin(), found.end(), [&](const Filesystem& filesystem) {
      return is_same(filesystem.mounts.front(), mount);
    });
    if (known == found.end()) {
      found.push_back({{mount}});
    } else {
      known->mounts.push_back(mount);
    }
  }
  std::reverse(found.begin(), found.end());
  std::stable_partition(found.begin(), found.end(),
                        [](const Filesystem& filesystem) { return !is_root(filesystem); });
  return found;
}

}  // namespace cove::agentd
