// Result<T>: a T or an Error. COVE_TRY(expr): the value, or return the error from the calling function.
// An ignored Result warns; value() of an error is a programmer's error and aborts.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace cove {

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // Result<Derived> converts to Result<Base> wherever Derived converts to Base.
  template <typename U>
  requires(!std::is_same_v<U, T> && std::is_convertible_v<U, T>) Result(Result<U> other)
      : state_(other.ok() ? State(std::in_place_index<0>, std::move(other).value())
                          : State(std::in_place_index<1>, std::move(other).error())) {}
  // A U that converts to T: return "text" from a Result<std::string>.
  template <typename U>
  requires(!std::is_same_v<std::decay_t<U>, T> && !std::is_same_v<std::decay_t<U>, Error> &&
           std::is_convertible_v<U&&, T>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return COVE_CHECK(ok()), std::get<0>(state_); }
  const T& value() const& { return COVE_CHECK(ok()), std::get<0>(state_); }
  T&& value() && { return COVE_CHECK(ok()), std::move(std::get<0>(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return COVE_CHECK(!ok()), std::get<1>(state_); }
  Error&& error() && { return COVE_CHECK(!ok()), std::move(std::get<1>(state_)); }
  T value_or(T fallback) && { return ok() ? std::move(std::get<0>(state_)) : std::move(fallback); }

  // The same result, an error given context / a hint.
  Result&& context(std::string_view doing) && {
    if (!ok()) static_cast<void>(std::move(std::get<1>(state_)).context(doing));
    return std::move(*this);
  }
  Result&& hint(std::string_view what_to_do) && {
    if (!ok()) static_cast<void>(std::move(std::get<1>(state_)).hint(what_to_do));
    return std::move(*this);
  }

 private:
  using State = std::variant<T, Error>;
  State state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;
  Result() = default;
  Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return error_.index() == 0; }
  explicit operator bool() const { return ok(); }
  void value() const { COVE_CHECK(ok()); }
  const Error& error() const& { return COVE_CHECK(!ok()), std::get<1>(error_); }
  Error&& error() && { return COVE_CHECK(!ok()), std::move(std::get<1>(error_)); }

  Result&& context(std::string_view doing) && {
    if (!ok()) static_cast<void>(std::move(std::get<1>(error_)).context(doing));
    return std::move(*this);
  }
  Result&& hint(std::string_view what_to_do) && {
    if (!ok()) static_cast<void>(std::move(std::get<1>(error_)).hint(what_to_do));
    return std::move(*this);
  }

 private:
  std::variant<std::monostate, Error> error_;
};

}  // namespace cove

// auto config = COVE_TRY(directory.load_config());   COVE_TRY(check(config));   They nest.
#define COVE_TRY(expr) COVE_TRY_NAMED(COVE_TRY_JOIN(cove_try_, __COUNTER__), expr)
#define COVE_TRY_JOIN(a, b) COVE_TRY_JOIN_(a, b)
#define COVE_TRY_JOIN_(a, b) a##b
#define COVE_TRY_NAMED(name, expr)    \
  __extension__({                     \
    auto name = (expr);               \
    if (!name.ok()) [[unlikely]]      \
      return std::move(name).error(); \
    std::move(name).value();          \
  })
