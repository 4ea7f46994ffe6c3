// The tables of a qcow2 file are read from a disk that may be broken: whatever the bytes are, a table is
// refused or whole, and what it calls data lies at multiples of the cluster size.
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/io.h"
#include "disk/qcow2_clusters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cove::UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (fd.get() < 0 || !cove::pwrite_all(fd.get(), 0, bytes).ok()) std::abort();
  const auto clusters = cove::Qcow2Clusters::read(std::move(fd), "fuzz");
  if (!clusters.ok()) return 0;
  if (clusters->tables() > 32768) std::abort();
  for (std::size_t number = 0; number < std::min<std::size_t>(clusters->tables() + 1, 16); ++number) {
    const auto table = clusters->table(number);
    if (!table.ok() || table->empty()) continue;
    if (table->size() != cove::kQcow2TableEntries) std::abort();
    for (const auto& cluster : *table) {
      if (cluster.offset % cove::kQcow2Cluster != 0) std::abort();
      if ((cluster.kind == cove::Qcow2Cluster::Kind::kData) != (cluster.offset != 0)) std::abort();
    }
  }
  return 0;
}
