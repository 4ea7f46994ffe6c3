#include "catalog/apt_sources.h"

#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/strings.h"

namespace cove {
namespace {

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  std::string spaced(text);
  std::replace_if(
      spaced.begin(), spaced.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  for (const std::string_view word : split(spaced, ' ')) {
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

bool is_yes(std::string_view text) { return to_lower(text) == "yes"; }

using Fields = std::map<std::string, std::string>;

void add_stanza(Fields& fields, std::vector<AptSource>& out) {
  const Fields stanza = std::exchange(fields, {});
  const auto value = [&](const char* name) {
    const auto found = stanza.find(name);
    return found == stanza.end() ? std::string() : found->second;
  };
  const auto types = words(value("types"));
  if (std::find(types.begin(), types.end(), "deb") == types.end() || to_lower(trim(value("enabled"))) == "no")
    return;
  std::string key(trim(value("signed-by")));
  if (key.find('\n') != std::string::npos || !key.starts_with('/')) key.clear();  // a key inside the stanza
  for (const std::string& uri : words(value("uris"))) {
    for (const std::string& suite : words(value("suites"))) {
      out.push_back({uri, suite, words(value("components")), key, is_yes(trim(value("trusted")))});
    }
  }
}

// "[arch=amd64 signed-by=/k]" at the beginning of `rest`, taken off it.
void take_options(std::string_view& rest, AptSource& source) {
  if (!rest.starts_with('[')) return;
  const std::size_t end = rest.find(']');
  if (end == std::string_view::npos) return;
  for (const std::string& option : words(rest.substr(1, end - 1))) {
    if (option.starts_with("signed-by=/")) source.signed_by = option.substr(10);
    if (option == "trusted=yes") source.trusted = true;
  }
  rest = trim(rest.substr(end + 1));
}

bool serves_debian(const AptSource& source) {
  if (std::find(source.components.begin(), source.components.end(), "main") == source.components.end())
    return false;
  if (source.signed_by.find("debian-archive") != std::string::npos) return true;
  // A mirror of Debian ends in the archive's name, whatever host or proxy path stands before it.
  std::string_view path = source.uri;
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return last == "debian" || last == "debian-security";
}

}  // namespace

std::string AptSource::line() const {
  std::string options = signed_by.empty() ? std::string() : "signed-by=" + signed_by;
  if (trusted) options += options.empty() ? "trusted=yes" : " trusted=yes";
  return "deb " + (options.empty() ? options : "[" + options + "] ") + uri + " " + suite + " " +
         join(components, " ");
}

std::vector<AptSource> parse_one_line_sources(std::string_view text) {
  std::vector<AptSource> out;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line.substr(0, line.find('#')));
    if (!line.starts_with("deb ") && !line.starts_with("deb\t") && !line.starts_with("deb[")) continue;
    AptSource source;
    std::string_view rest = trim(line.substr(3));
    take_options(rest, source);
    auto parts = words(rest);
    if (parts.size() < 2) continue;
    source.uri = parts[0];
    source.suite = parts[1];
    source.components.assign(parts.begin() + 2, parts.end());
    out.push_back(std::move(source));
  }
  return out;
}

std::vector<AptSource> parse_deb822_sources(std::string_view text) {
  std::vector<AptSource> out;
  Fields fields;
  std::string last;
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with('#')) continue;
    if (trim(line).empty()) {
      add_stanza(fields, out);
      last.clear();
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (!last.empty()) fields[last].append("\n").append(trim(line));
    } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      last = to_lower(trim(line.substr(0, colon)));
      fields[last] = trim(line.substr(colon + 1));
    }
  }
  add_stanza(fields, out);
  return out;
}

Result<std::vector<AptSource>> read_apt_sources(const std::filesystem::path& config) {
  std::vector<AptSource> out;
  const auto add = [&](std::vector<AptSource> more) { out.insert(out.end(), more.begin(), more.end()); };
  const auto single = config / "sources.list";
  if (path_exists(single)) add(parse_one_line_sources(COVE_TRY(read_file(single))));
  const auto folder = config / "sources.list.d";
  if (path_exists(folder)) {
    for (const std::string& name : COVE_TRY(list_directory(folder))) {
      if (name.ends_with(".list")) add(parse_one_line_sources(COVE_TRY(read_file(folder / name))));
      if (name.ends_with(".sources")) add(parse_deb822_sources(COVE_TRY(read_file(folder / name))));
    }
  }
  if (out.empty()) return Error(Code::kNotFound, "no package sources in " + config.string());
  return out;
}

Result<std::vector<AptSource>> debian_sources(const std::vector<AptSource>& all,
                                              std::string_view host_codename, std::string_view codename) {
  std::vector<AptSource> out;
  for (AptSource source : all) {
    if (!serves_debian(source)) continue;
    std::string_view rest = source.suite;
    if (!rest.starts_with(host_codename)) continue;
    rest.remove_prefix(host_codename.size());
    if (!rest.empty() && rest != "-updates" && rest != "-security") continue;
    source.suite = std::string(codename) + std::string(rest);
    source.components = {"main"};
    if (std::find(out.begin(), out.end(), source) == out.end()) out.push_back(std::move(source));
  }
  const bool complete =
      std::any_of(out.begin(), out.end(), [&](const AptSource& s) { return s.suite == codename; });
  if (complete) return out;
  return Error(Code::kFailedPrecondition,
               "this host's package sources name no Debian mirror for \"" + std::string(host_codename) + "\"")
      .hint("add Debian's archive to apt's sources, for example in /etc/apt/sources.list.d");
}

}  // namespace cove
