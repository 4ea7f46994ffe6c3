#include "rpc/grpc_wire.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace cove::rpc {
namespace {

constexpr std::size_t kMaxMessageText = 4096;
constexpr std::int64_t kMaxTimeoutNumber = 99'999'999;

struct Unit {
  char letter;
  std::int64_t nanoseconds;
};
constexpr std::array<Unit, 6> kUnits{{{'n', 1},
                                      {'u', 1'000},
                                      {'m', 1'000'000},
                                      {'S', 1'000'000'000},
                                      {'M', 60'000'000'000},
                                      {'H', 3'600'000'000'000}}};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

}  // namespace

std::string format_timeout(std::chrono::nanoseconds span) {
  const std::int64_t total = std::max<std::int64_t>(span.count(), 1);
  for (const Unit& unit : kUnits) {
    const std::int64_t number = total / unit.nanoseconds + (total % unit.nanoseconds != 0 ? 1 : 0);
    if (number <= kMaxTimeoutNumber) return std::to_string(number) + unit.letter;
  }
  return std::to_string(kMaxTimeoutNumber) + 'H';
}

std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const auto number = parse_u64(text.substr(0, text.size() - 1));
  if (!number) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.letter != text.back()) continue;
    // A hundred years is as good as any longer time, and cannot overflow a time point.
    constexpr std::int64_t kLongest = std::int64_t{3'600'000'000'000} * 24 * 365 * 100;
    const auto count = static_cast<std::int64_t>(*number);
    if (count > kLongest / unit.nanoseconds) return std::chrono::nanoseconds(kLongest);
    return std::chrono::nanoseconds(count * unit.nanoseconds);
  }
  return std::nullopt;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text.substr(0, kMaxMessageText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i++) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<void> status_from_wire(std::string_view grpc_status, std::string_view grpc_message) {
  const auto number = parse_u64(grpc_status);
  if (number == 0U) return {};
  const bool known = number && *number <= static_cast<std::uint64_t>(Code::kUnauthenticated);
  const Code code = known ? static_cast<Code>(*number) : Code::kUnknown;
  std::string message = percent_decode(grpc_message);
  if (message.empty()) message = code_name(code);
  return Error(code, std::move(message));
}

Error error_from_http_status(std::string_view status) {
  Code code = Code::kUnknown;
  if (status == "400") code = Code::kInternal;
  if (status == "401") code = Code::kUnauthenticated;
  if (status == "403") code = Code::kPermissionDenied;
  if (status == "404") code = Code::kUnimplemented;
  if (status == "429" || status == "502" || status == "503" || status == "504") code = Code::kUnavailable;
  if (status == "200") return Error(Code::kInternal, "the reply ended without a grpc-status");
  return Error(code, "the peer answered with http status " + std::string(status.substr(0, 16)));
}

Error error_from_reset(std::uint32_t http2_error) {
  Code code = Code::kInternal;
  if (http2_error == NGHTTP2_REFUSED_STREAM) code = Code::kUnavailable;
  if (http2_error == NGHTTP2_CANCEL) code = Code::kCancelled;
  if (http2_error == NGHTTP2_ENHANCE_YOUR_CALM) code = Code::kResourceExhausted;
  if (http2_error == NGHTTP2_INADEQUATE_SECURITY) code = Code::kPermissionDenied;
  return Error(code, std::string("the peer reset the call: ") + nghttp2_http2_strerror(http2_error));
}

bool is_reserved_header(std::string_view name) {
  return name.empty() || name.front() == ':' || name.starts_with("grpc-") || name == "content-type" ||
         name == "te" || name == "user-agent" || name == "accept-encoding" || name == "content-length" ||
         name == "connection" || name == "host";
}

Result<void> check_metadata(const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    const bool name_ok =
        !is_reserved_header(name) && std::all_of(name.begin(), name.end(), is_name_character);
    const bool value_ok =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
    if (!name_ok || !value_ok) return Error(Code::kInvalidArgument, "bad metadata: " + percent_encode(name));
  }
  return {};
}

}  // namespace cove::rpc
