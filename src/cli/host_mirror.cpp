#include "cli/host_mirror.h"

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"

namespace cove {
namespace {

std::string without_credentials(std::string_view url) {
  const auto scheme = url.find("://");
  const auto at = url.find('@');
  const auto slash = scheme == std::string_view::npos ? scheme : url.find('/', scheme + 3);
  if (scheme == std::string_view::npos || at == std::string_view::npos || at > slash) return std::string(url);
  return std::string(url.substr(0, scheme + 3)) + "***" + std::string(url.substr(at));
}

bool is_url(std::string_view word) {
  return word.find("://") != std::string_view::npos || word.starts_with("file:");
}

void collect(const std::filesystem::path& file, std::vector<std::string>& mirrors) {
  const auto text = read_file(file, std::size_t{1} << 20U);
  if (!text.ok()) return;
  const bool deb822 = file.extension() == ".sources";
  for (const auto raw : split(*text, '\n')) {
    const auto line = trim(raw);
    const bool wanted = deb822 ? to_lower(line).starts_with("uris:") : line.starts_with("deb ");
    if (!wanted) continue;
    for (const auto word : split(line, ' ')) {
      if (!is_url(word)) continue;
      auto url = without_credentials(word);
      if (std::find(mirrors.begin(), mirrors.end(), url) == mirrors.end()) mirrors.push_back(std::move(url));
    }
  }
}

}  // namespace

std::vector<std::string> configured_mirrors(const std::filesystem::path& apt) {
  std::vector<std::string> mirrors;
  collect(apt / "sources.list", mirrors);
  if (const auto names = list_directory(apt / "sources.list.d"); names.ok()) {
    for (const auto& name : *names) {
      if (name.ends_with(".list") || name.ends_with(".sources"))
        collect(apt / "sources.list.d" / name, mirrors);
    }
  }
  return mirrors;
}

}  // namespace cove
