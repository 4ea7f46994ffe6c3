#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace cove {
namespace {

using External = nlohmann::ordered_json;
constexpr std::size_t kMaxDepth = 64;

// Builds our values as the parser goes; refuses deep nesting, which nlohmann alone would recurse on later,
// and a member given twice, of which two readers may see two different values.
class Builder final : public nlohmann::json_sax<External> {
 public:
  Json root;
  std::string error_text;

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(std::int64_t value) override { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return add(Json(static_cast<std::int64_t>(value)));
    }
    return add(Json(value));
  }
  bool number_float(double value, const std::string&) override { return add(Json(value)); }
  bool string(std::string& value) override { return add(Json(std::move(value))); }
  bool binary(External::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Kind::kObject); }
  bool end_object() override {
    if (const auto name = repeated(frames_.back().members)) {
      error_text = "member " + Json(*name).dump() + " is given twice";
      return false;
    }
    return close(Json(std::move(frames_.back().members)));
  }
  bool start_array(std::size_t) override { return open(Kind::kArray); }
  bool end_array() override { return close(Json(std::move(frames_.back().items))); }
  bool key(std::string& name) override {
    frames_.back().name = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const External::exception& e) override {
    const std::string text = e.what();
    const auto colon = text.find("] ");
    error_text = "at byte " + std::to_string(position) + ": " +
                 (colon == std::string::npos ? text : text.substr(colon + 2));
    return false;
  }

 private:
  enum class Kind : std::uint8_t { kObject, kArray };
  struct Frame {
    Kind kind;
    Json::Array items;
    Json::Object members;
    std::string name;
  };

  static std::optional<std::string_view> repeated(const Json::Object& members) {
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) names.push_back(name);
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    return twin == names.end() ? std::nullopt : std::optional(*twin);
  }

  bool add(Json value) {
    if (frames_.empty()) {
      root = std::move(value);
    } else if (Frame& frame = frames_.back(); frame.kind == Kind::kArray) {
      frame.items.push_back(std::move(value));
    } else {
      frame.members.emplace_back(std::move(frame.name), std::move(value));
    }
    return true;
  }
  bool open(Kind kind) {
    if (frames_.size() >= kMaxDepth) {
      error_text = "nested deeper than " + std::to_string(kMaxDepth);
      return false;
    }
    frames_.push_back({kind, {}, {}, {}});
    return true;
  }
  bool close(Json value) {
    frames_.pop_back();
    return add(std::move(value));
  }

  std::vector<Frame> frames_;
};

External to_external(const Json& value) {
  if (value.is_null()) return nullptr;
  if (value.is_bool()) return value.as_bool();
  if (value.is_string()) return value.as_string();
  if (value.is_array()) {
    External out = External::array();
    for (const auto& item : value.items()) out.push_back(to_external(item));
    return out;
  }
  if (value.is_object()) {
    External out = External::object();
    for (const auto& [name, member] : value.members()) out[name] = to_external(member);
    return out;
  }
  return value.as_double();
}

}  // namespace

Result<Json> Json::parse(std::string_view text) {
  Builder builder;
  if (!External::sax_parse(text, &builder)) {
    return Error(Code::kInvalidArgument, "invalid JSON " + builder.error_text);
  }
  return std::move(builder.root);
}

std::string Json::dump(int indent) const {
  struct Whole {
    External operator()(const Json& v) const {
      if (v.is_array()) {
        External out = External::array();
        for (const auto& item : v.items()) out.push_back((*this)(item));
        return out;
      }
      if (v.is_object()) {
        External out = External::object();
        for (const auto& [name, member] : v.members()) out[name] = (*this)(member);
        return out;
      }
      if (const auto* whole = std::get_if<std::int64_t>(&v.value_)) return *whole;
      if (const auto* whole = std::get_if<std::uint64_t>(&v.value_)) return *whole;
      return to_external(v);
    }
  };
  return Whole{}(*this).dump(indent, ' ', false, External::error_handler_t::replace);
}

bool Json::is_number() const {
  return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<std::uint64_t>(value_) ||
         std::holds_alternative<double>(value_);
}

const Json* Json::find(std::string_view name) const {
  for (const auto& member : members()) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

const Json& Json::get(std::string_view name) const {
  static const Json kNull;
  const Json* found = find(name);
  return found != nullptr ? *found : kNull;
}

Json& Json::set(std::string_view name, Json value) {
  if (is_null()) value_ = Object{};
  COVE_CHECK(is_object());
  auto& members = std::get<Object>(value_);
  for (auto& member : members) {
    if (member.first == name) return member.second = std::move(value);
  }
  members.emplace_back(std::string(name), std::move(value));
  return members.back().second;
}

void Json::erase(std::string_view name) {
  if (auto* members = std::get_if<Object>(&value_)) {
    std::erase_if(*members, [&](const Member& member) { return member.first == name; });
  }
}

void Json::push_back(Json value) {
  if (is_null()) value_ = Array{};
  COVE_CHECK(is_array());
  std::get<Array>(value_).push_back(std::move(value));
}

const Json::Array& Json::items() const& {
  static const Array kNone;
  const auto* items = std::get_if<Array>(&value_);
  return items != nullptr ? *items : kNone;
}

const Json::Object& Json::members() const& {
  static const Object kNone;
  const auto* members = std::get_if<Object>(&value_);
  return members != nullptr ? *members : kNone;
}

bool Json::as_bool(bool fallback) const {
  const auto* value = std::get_if<bool>(&value_);
  return value != nullptr ? *value : fallback;
}

std::int64_t Json::as_int(std::int64_t fallback) const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<double>(&value_); value != nullptr && std::trunc(*value) == *value) {
    if (std::abs(*value) < 9e15) return static_cast<std::int64_t>(*value);
  }
  return fallback;
}

std::uint64_t Json::as_uint(std::uint64_t fallback) const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  const std::int64_t whole = as_int(-1);
  return whole >= 0 ? static_cast<std::uint64_t>(whole) : fallback;
}

double Json::as_double(double fallback) const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  return fallback;
}

const std::string& Json::as_string() const {
  static const std::string kEmpty;
  const auto* value = std::get_if<std::string>(&value_);
  return value != nullptr ? *value : kEmpty;
}

std::string Json::as_string_or(std::string_view fallback) const {
  return is_string() ? as_string() : std::string(fallback);
}

}  // namespace cove
