// The package sources a host is configured with, as apt reads them: sources.list and sources.list.d, in both
// of apt's forms. What of them serves Debian itself is turned into sources for a release. Pure but for
// reading the files; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove {

struct AptSource {
  std::string uri;
  std::string suite;
  std::vector<std::string> components;
  std::string signed_by;  // a key file; empty: apt's default keys
  bool trusted = false;   // "trusted=yes": a mirror without signatures
  // One line of sources.list.
  std::string line() const;
  friend bool operator==(const AptSource&, const AptSource&) = default;
};

// Entries of type "deb" that are enabled, in the file's order; lines that cannot be read are left out, as apt
// would have said so already.
std::vector<AptSource> parse_one_line_sources(std::string_view text);
std::vector<AptSource> parse_deb822_sources(std::string_view text);
// All files below `config` ("/etc/apt"). kNotFound if there are none.
Result<std::vector<AptSource>> read_apt_sources(const std::filesystem::path& config);

// Those that carry Debian's own archive for the host's release `host_codename`, rewritten for `codename`,
// component "main" only. kFailedPrecondition, with a hint, if none does.
Result<std::vector<AptSource>> debian_sources(const std::vector<AptSource>& all,
                                              std::string_view host_codename, std::string_view codename);

}  // namespace cove
