#include "provision/password.h"

#include <crypt.h>
#include <string.h>

#include <memory>

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kMaxPassword = 512;
constexpr std::size_t kSaltLength = 16;
constexpr std::string_view kAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// What crypt(3) makes of it; "" if it cannot.
std::string crypt_with(const std::string& clear, const std::string& setting) {
  // crypt_data is 32 KiB and holds traces of the password: wiped before it is freed.
  const auto data = std::make_unique<crypt_data>();
  const char* hash = ::crypt_r(clear.c_str(), setting.c_str(), data.get());
  std::string result = hash == nullptr ? "" : hash;
  ::explicit_bzero(data.get(), sizeof(crypt_data));
  return result;
}

}  // namespace

Result<std::string> hash_password(const std::string& clear) {
  if (clear.empty()) return Error(Code::kInvalidArgument, "the password is empty");
  if (clear.size() > kMaxPassword)
    return Error(Code::kInvalidArgument, "the password is longer than 512 bytes");
  if (clear.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
    return Error(Code::kInvalidArgument, "the password has a line feed, carriage return or NUL inside");
  }
  std::string setting = "$6$";
  for (const char byte : random_bytes(kSaltLength))
    setting += kAlphabet[static_cast<unsigned char>(byte) % 64];
  std::string result = crypt_with(clear, setting);
  if (!is_password_hash(result)) return Error(Code::kInternal, "crypt(3) cannot make SHA-512 hashes here");
  return result;
}

bool password_matches(const std::string& clear, const std::string& hash) {
  return is_password_hash(hash) && crypt_with(clear, hash) == hash;
}

bool is_password_hash(std::string_view text) {
  if (!text.starts_with('$') || text.size() < 20 || text.size() > 256) return false;
  return text.find_first_not_of("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$=,") ==
         std::string_view::npos;
}

}  // namespace cove
