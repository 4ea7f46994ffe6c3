#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace cove {
namespace {

Code code_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENXIO:
    case ESRCH:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
      return Code::kInvalidArgument;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kResourceExhausted;
    case ETIMEDOUT:
      return Code::kDeadlineExceeded;
    case ECANCELED:
      return Code::kCancelled;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EAGAIN:
      return Code::kUnavailable;
    case EBUSY:
    case ENOTEMPTY:
    case EADDRINUSE:
      return Code::kFailedPrecondition;
    case ENOSYS:
    case ENOTSUP:
      return Code::kUnimplemented;
    case EIO:
      return Code::kDataLoss;
    default:
      return Code::kUnknown;
  }
}

constexpr std::string_view kNames[] = {
    "ok",        "cancelled",      "unknown",           "invalid_argument",   "deadline_exceeded",
    "not_found", "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
    "aborted",   "out_of_range",   "unimplemented",     "internal",           "unavailable",
    "data_loss", "unauthenticated"};

}  // namespace

std::string_view code_name(Code code) {
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

Code code_from_name(std::string_view name) {
  for (std::size_t i = 1; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Code>(i);
  }
  return Code::kUnknown;
}

Error::Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

Error Error::from_errno(int error_number, std::string_view what) {
  Error error(code_of_errno(error_number), std::string(what) + ": " + std::strerror(error_number));
  error.error_number_ = error_number;
  return error;
}

Error&& Error::context(std::string_view doing) && {
  message_ = std::string(doing) + ": " + message_;
  return std::move(*this);
}

Error&& Error::hint(std::string_view what_to_do) && {
  if (hint_.empty()) hint_ = what_to_do;
  return std::move(*this);
}

}  // namespace cove
