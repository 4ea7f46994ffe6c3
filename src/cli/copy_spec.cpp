#include "cli/copy_spec.h"

#include <set>

namespace cove {

Result<CopySpec> parse_copy_spec(std::string_view word) {
  if (word == "-") return CopySpec{CopySpec::Kind::kStream, {}, {}};
  const auto colon = word.find(':');
  if (colon == std::string_view::npos || word.find('/') < colon) {
    if (word.empty()) return Error(Code::kInvalidArgument, "an empty path");
    return CopySpec{CopySpec::Kind::kHost, {}, std::string(word)};
  }
  CopySpec spec{CopySpec::Kind::kGuest, {}, std::string(word.substr(colon + 1))};
  if (colon > 0) {
    auto vm = VmName::parse(word.substr(0, colon));
    if (!vm.ok()) {
      return Error(Code::kInvalidArgument, vm.error().message())
          .hint("for a file here whose name has a colon, write ./" + std::string(word));
    }
    spec.vm = std::move(vm).value();
  }
  return spec;
}

bool names_a_file(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  return !name.empty() && name != "." && name != ".." && path != "~";
}

Result<std::vector<TreeSource>> host_sources(const std::vector<std::string>& paths) {
  std::vector<TreeSource> sources;
  std::set<std::string> names;
  for (const auto& path : paths) {
    std::error_code error;
    std::filesystem::path plain = std::filesystem::path(path).lexically_normal();
    if (plain.has_relative_path() && plain.filename().empty()) plain = plain.parent_path();
    std::string name = plain.filename().string();
    if (name == "." || name == ".." || name.empty()) {
      name = std::filesystem::canonical(plain, error).filename().string();
      if (error) return Error::from_errno(error.value(), path);
    }
    if (name.empty())
      return Error(Code::kInvalidArgument, path + ": this folder has no name to arrive under");
    if (!names.insert(name).second)
      return Error(Code::kInvalidArgument, "two sources are named \"" + name + "\"");
    sources.push_back({plain, name});
  }
  return sources;
}

}  // namespace cove
