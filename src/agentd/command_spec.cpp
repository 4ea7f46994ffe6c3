#include "agentd/command_spec.h"

#include <sys/stat.h>

#include <filesystem>

namespace cove::agentd {
namespace {

std::string home_or_root(const std::string& home) {
  struct stat info {};
  return ::stat(home.c_str(), &info) == 0 && S_ISDIR(info.st_mode) ? home : "/";
}

}  // namespace

Result<CommandSpec> make_spec(const Realm& realm, CommandRequest request) {
  CommandSpec spec;
  spec.identity = COVE_TRY(realm.identity(request.user));
  spec.environment = COVE_TRY(login_environment(spec.identity.account, realm.root, request.environment));
  spec.args = std::move(request.args);
  const bool at_home = request.default_directory == CommandRequest::DefaultDirectory::kHome;
  spec.working_directory = at_home ? home_or_root(spec.identity.account.home) : "/";
  if (!request.working_directory.empty())
    spec.working_directory = std::filesystem::path(spec.working_directory) / request.working_directory;
  return spec;
}

}  // namespace cove::agentd
