#include "agentd/environment.h"

#include "base/files.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr std::string_view kRootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kUserPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 10U;

void add_file(Environment& environment, const std::filesystem::path& path) {
  const auto text = read_file(path, kMaxFileBytes);
  if (!text.ok()) return;  // either file may be missing
  for (auto& [name, value] : parse_environment_file(*text)) environment[name] = value;
}

}  // namespace

Environment parse_environment_file(std::string_view text) {
  Environment environment;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    if (line.starts_with("export ")) line = trim(line.substr(7));
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos || equals == 0) continue;
    auto value = line.substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    environment[std::string(line.substr(0, equals))] = std::string(value);
  }
  return environment;
}

Result<Environment> login_environment(const Account& account, const std::filesystem::path& root,
                                      const Environment& extra) {
  Environment environment;
  environment["PATH"] = account.uid == 0 ? kRootPath : kUserPath;
  add_file(environment, root / "etc/environment");
  add_file(environment, root / "etc/default/locale");
  environment["HOME"] = account.home.empty() ? "/" : account.home;
  environment["USER"] = account.name;
  environment["LOGNAME"] = account.name;
  environment["SHELL"] = account.shell.empty() ? "/bin/sh" : account.shell;
  for (const auto& [name, value] : extra) {
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos ||
        value.find('\0') != std::string::npos) {
      return Error(Code::kInvalidArgument, "not an environment variable: " + shell_quote(name));
    }
    environment[name] = value;
  }
  return environment;
}

std::vector<std::string> command_candidates(std::string_view command, std::string_view path) {
  if (command.find('/') != std::string_view::npos) return {std::string(command)};
  std::vector<std::string> candidates;
  for (const auto folder : split(path, ':')) {
    candidates.push_back((folder.empty() ? std::string(".") : std::string(folder)) + "/" +
                         std::string(command));
  }
  return candidates;
}

}  // namespace cove::agentd
