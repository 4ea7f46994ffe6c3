#include "app/initrd/machine_id.h"

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"

namespace cove::initrd {

Result<void> settle_machine_id(const std::filesystem::path& root, const std::filesystem::path& uuid_file) {
  const auto target = root / "etc" / "machine-id";
  const auto present = read_file(target, 4096);
  if (!present.ok() || !trim(*present).empty()) return {};
  // The kernel shows no file for a UUID of zeros.
  const auto uuid = read_file(uuid_file, 4096);
  if (!uuid.ok()) return {};
  std::string id = to_lower(trim(*uuid));
  id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
  if (id.size() != 32 || !hex_decode(id)) return Error(Code::kDataLoss, "the machine's UUID is " + id);
  return write_file_atomic(target, id + "\n", 0444);
}

}  // namespace cove::initrd
