// Json: a JSON value (RFC 8259) that keeps the order of members; parsed and printed by nlohmann-json inside.
// A plain value type: copy, move, compare. Numbers keep whether they were whole.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace cove {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value) : value_(value) {}
  Json(unsigned value) : value_(std::uint64_t{value}) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json object(std::initializer_list<Member> members = {}) { return Json(Object(members)); }
  static Json array() { return Json(Array{}); }

  // One value and nothing behind it; depth limited to 64, no member twice in an object. kInvalidArgument says
  // where.
  static Result<Json> parse(std::string_view text);
  // indent < 0: one line. Invalid UTF-8 is replaced.
  std::string dump(int indent = -1) const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_number() const;
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Members: get() is null for a missing member or a non-object; set() makes a null an object.
  const Json& get(std::string_view name) const;
  const Json* find(std::string_view name) const;
  Json& set(std::string_view name, Json value);
  void erase(std::string_view name);
  void push_back(Json value);
  const Array& items() const&;     // empty for anything but an array
  const Object& members() const&;  // empty for anything but an object
  // A range-for over a temporary's members would outlive it.
  const Array& items() const&& = delete;
  const Object& members() const&& = delete;

  // Conversions with a fallback for another type.
  bool as_bool(bool fallback = false) const;
  std::int64_t as_int(std::int64_t fallback = 0) const;
  std::uint64_t as_uint(std::uint64_t fallback = 0) const;
  double as_double(double fallback = 0) const;
  const std::string& as_string() const;  // empty for anything but a string
  std::string as_string_or(std::string_view fallback) const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

}  // namespace cove
