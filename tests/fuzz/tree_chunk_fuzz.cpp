// Chunks of a copy as a hostile other side would send them: nothing outside the destination is touched.
#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/files.h"
#include "proto/cove_agent.pb.h"
#include "tree/temporaries.h"
#include "tree/tree_writer.h"

namespace {

// As large as a test can afford to fill with zeros.
bool modest(const cove::agent::v1::TreeChunk& chunk) {
  for (const auto& item : chunk.items()) {
    if (item.has_entry() && item.entry().size() > (1U << 20U)) return false;
  }
  return true;
}

// A hostile side may choose the name of a temporary for an entry of its own.
bool names_it(const cove::agent::v1::TreeChunk& chunk, const std::string& name) {
  for (const auto& item : chunk.items()) {
    if (item.has_entry() && item.entry().path().find(name) != std::string::npos) return true;
  }
  return false;
}

void write_below(const std::filesystem::path& destination, cove::TreeInto into,
                 const cove::agent::v1::TreeChunk& chunk) {
  auto writer = cove::TreeWriter::create(destination, into);
  if (!writer.ok()) return;
  if (writer->apply({}, chunk).ok()) static_cast<void>(writer->finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cove::agent::v1::TreeChunk chunk;
  if (size == 0 || !chunk.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
  auto folder = cove::TempDir::create("/tmp", "cove-fuzz-tree-");
  if (!folder.ok()) return 0;
  const auto inside = folder->path() / "inside";
  const auto outside = folder->path() / "outside";
  static_cast<void>(cove::make_directories(inside));
  static_cast<void>(cove::make_directories(outside));
  const bool renamed = data[0] % 2 == 0;
  if (data[0] % 4 < 2) chunk.mutable_totals();  // without them nothing that the chunk makes may stay
  write_below(renamed ? inside / "new" : inside,
              renamed ? cove::TreeInto::kNameOrDirectory : cove::TreeInto::kDirectory, chunk);
  const auto beside = cove::list_directory(folder->path());
  const auto untouched = cove::list_directory(outside);
  if (!beside.ok() || beside->size() != 2 || !untouched.ok() || !untouched->empty()) __builtin_trap();
  const auto arrived = cove::list_directory(inside).value_or({});
  if (renamed && arrived.size() > 1) __builtin_trap();
  for (const auto& name : arrived) {
    if (cove::TemporaryNames::is_one(name) && !names_it(chunk, name)) __builtin_trap();
  }

  const auto null = cove::open_file("/dev/null", O_WRONLY);
  cove::TreeToStream stream(null->get());
  if (modest(chunk) && stream.apply({}, chunk).ok()) static_cast<void>(stream.finish());
  return 0;
}
