// PutTree and GetTree: the guest's half of `cove cp`. In the user realm files are touched with the user's
// rights.
#include <filesystem>
#include <string>

#include "agentd/fs_identity.h"
#include "agentd/services.h"
#include "proto/cove_agent.pb.h"
#include "tree/tree_reader.h"
#include "tree/tree_writer.h"

namespace cove::agentd {
namespace {

using agent::v1::GetTreeRequest;
using agent::v1::TreeChunk;

Result<std::filesystem::path> below_home(const Identity& identity, const std::string& path) {
  if (path.find('\0') != std::string::npos) return Error(Code::kInvalidArgument, "a path holds a NUL byte");
  const std::filesystem::path wanted(path);
  if (wanted.is_absolute()) return wanted;
  const std::filesystem::path home(identity.account.home.empty() ? "/" : identity.account.home);
  if (path.empty() || path == "~") return home;
  if (path.starts_with("~/")) return home / path.substr(2);
  return home / wanted;
}

Result<void> put_tree(const OpContext& ctx, rpc::ServerStream& stream, const Realm& realm) {
  TreeChunk chunk;
  if (!COVE_TRY(stream.read(ctx, chunk)) || !chunk.has_start()) {
    return Error(Code::kInvalidArgument, "the first chunk must carry the start");
  }
  const Identity identity = COVE_TRY(realm.identity({}));
  const FsIdentity acting = COVE_TRY(FsIdentity::become(identity));
  const auto destination = COVE_TRY(below_home(identity, chunk.start().destination()));
  const auto into = chunk.start().into_directory() ? TreeInto::kDirectory : TreeInto::kNameOrDirectory;
  TreeWriter writer = COVE_TRY(TreeWriter::create(destination, into));
  do COVE_TRY(writer.apply(ctx, chunk));
  while (COVE_TRY(stream.read(ctx, chunk)));
  return stream.write_last(COVE_TRY(writer.finish()));
}

Result<void> get_tree(const OpContext& ctx, const GetTreeRequest& request, rpc::ServerStream& stream,
                      const Realm& realm) {
  const Identity identity = COVE_TRY(realm.identity({}));
  const FsIdentity acting = COVE_TRY(FsIdentity::become(identity));
  auto path = COVE_TRY(below_home(identity, request.path())).lexically_normal();
  if (path.has_relative_path() && path.filename().empty()) path = path.parent_path();
  const std::string name = path.has_filename() ? path.filename().string() : "root";
  const TreeEmit emit = [&](const TreeChunk& chunk) { return stream.write(ctx, chunk); };
  COVE_TRY(read_tree(ctx, {{path, name}}, emit, {}));
  return {};
}

}  // namespace

void register_tree_service(rpc::Handlers& handlers, const Realm& realm) {
  const std::string service =
      realm.kind == Realm::Kind::kSystem ? "/cove.agent.v1.Files/" : "/cove.agent.v1.UserFiles/";
  handlers.stream(service + "PutTree", [&realm](const OpContext& ctx, rpc::ServerStream& stream) {
    return put_tree(ctx, stream, realm);
  });
  handlers.server_streaming<GetTreeRequest>(
      service + "GetTree",
      [&realm](const OpContext& ctx, const GetTreeRequest& request, rpc::ServerStream& stream) {
        return get_tree(ctx, request, stream, realm);
      });
}

}  // namespace cove::agentd
