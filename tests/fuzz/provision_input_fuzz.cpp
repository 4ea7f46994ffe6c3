// What users say about a guest's account: keys, names, hashes. What is accepted is one line of its file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "provision/password.h"
#include "provision/user_name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = cove::check_ssh_key(text); key.ok()) {
    for (const char c : *key) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) __builtin_trap();
    }
    const auto again = cove::check_ssh_key(*key);
    if (!again.ok() || *again != *key) __builtin_trap();
  }
  if (cove::check_user_name(text).ok() && (text.empty() || text.size() > 32 || text.find(':') != text.npos))
    __builtin_trap();
  if (cove::is_password_hash(text) && text.find_first_of(":\n") != text.npos) __builtin_trap();
  return 0;
}
