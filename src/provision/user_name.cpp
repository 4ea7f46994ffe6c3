#include "provision/user_name.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::array<std::string_view, 12> kTaken{"root", "daemon", "bin",  "sys",   "sync",    "nobody",
                                                  "mail", "sshd",   "sudo", "admin", "systemd", "messagebus"};

}  // namespace

Result<void> check_user_name(std::string_view name) {
  const auto bad = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "user name '" + std::string(name) + "' " + why);
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > 32) return bad("is longer than 32 letters");
  const auto lower = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  if (!lower(name.front())) return bad("does not begin with a small letter");
  for (const char c : name) {
    if (!lower(c) && (c < '0' || c > '9') && c != '-') return bad("may only have a-z, 0-9, _ and -");
  }
  if (std::find(kTaken.begin(), kTaken.end(), name) != kTaken.end()) return bad("belongs to the system");
  return {};
}

Result<std::string> check_ssh_key(std::string_view text) {
  const auto line = trim(text);
  if (line.find("PRIVATE KEY") != std::string_view::npos) {
    return Error(Code::kInvalidArgument, "this is a private SSH key")
        .hint("give the public one, the file that ends in .pub");
  }
  if (line.size() > 16384 || line.find_first_of("\n\r") != std::string_view::npos) {
    return Error(Code::kInvalidArgument, "an SSH public key is one line");
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(line.begin(), line.end(), is_control)) {
    return Error(Code::kInvalidArgument, "the SSH public key has control characters inside");
  }
  const auto parts = split(line, ' ');
  const bool known = parts[0].starts_with("ssh-") || parts[0].starts_with("ecdsa-sha2-") ||
                     parts[0].starts_with("sk-ssh-") || parts[0].starts_with("sk-ecdsa-");
  if (!known || parts.size() < 2 || !parts[1].starts_with("AAAA") || !base64_decode(parts[1])) {
    return Error(Code::kInvalidArgument, "this is no OpenSSH public key (\"ssh-ed25519 AAAA... comment\")");
  }
  return std::string(line);
}

}  // namespace cove
