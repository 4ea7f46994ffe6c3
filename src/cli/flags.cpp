#include "cli/flags.h"

#include <algorithm>

#include "base/strings.h"
#include "format/duration.h"
#include "store/similar_names.h"

namespace cove {
namespace {

const FlagSpec* find_flag(std::span<const FlagSpec* const> declared, std::string_view name) {
  const auto found =
      std::find_if(declared.begin(), declared.end(), [&](auto* flag) { return flag->name == name; });
  return found == declared.end() ? nullptr : *found;
}

Error unknown_flag(std::string_view name, std::span<const FlagSpec* const> declared) {
  std::vector<std::string> names;
  for (const auto* flag : declared) {
    if (!flag->summary.empty()) names.emplace_back(flag->name);
  }
  Error error(Code::kInvalidArgument, "unknown flag -" + std::string(name));
  if (const auto near = nearest(name, names)) return std::move(error).hint("did you mean -" + *near + "?");
  return error;
}

Result<void> check_value(const FlagSpec& flag, std::string_view value) {
  const auto bad = [&](std::string_view wanted) {
    return Error(Code::kInvalidArgument, "flag -" + std::string(flag.name) + ": '" + std::string(value) +
                                             "' is not " + std::string(wanted));
  };
  switch (flag.kind) {
    case FlagKind::kSwitch:
      if (value != "true" && value != "false" && value != "1" && value != "0") return bad("true or false");
      break;
    case FlagKind::kCount:
      if (!parse_u64(value)) return bad("a whole number of 0 or more");
      break;
    case FlagKind::kDuration:
      if (!parse_duration_flag(value)) return bad("a duration such as 30s, 1m30s or 500ms");
      break;
    case FlagKind::kGigabytes:
      if (!parse_gigabytes(value)) return bad("a size in whole gigabytes such as 4, 4G or 8192M");
      break;
    case FlagKind::kText:
    case FlagKind::kTexts:
      break;
  }
  return {};
}

}  // namespace

const FlagSpec* ParsedFlags::declared(std::string_view name) const { return find_flag(declared_, name); }

bool ParsedFlags::given(std::string_view name) const {
  return std::any_of(values_.begin(), values_.end(), [&](auto& entry) { return entry.first->name == name; });
}

bool ParsedFlags::is_set(std::string_view name) const {
  const auto value = text(name);
  return value == "true" || value == "1";
}

std::string_view ParsedFlags::text(std::string_view name) const {
  for (auto entry = values_.rbegin(); entry != values_.rend(); ++entry) {
    if (entry->first->name == name) return entry->second;
  }
  const auto* flag = declared(name);
  return flag == nullptr ? std::string_view() : flag->default_value;
}

std::vector<std::string> ParsedFlags::texts(std::string_view name) const {
  std::vector<std::string> found;
  for (const auto& [flag, value] : values_) {
    if (flag->name == name) found.push_back(value);
  }
  return found;
}

std::optional<std::uint64_t> ParsedFlags::count(std::string_view name) const { return parse_u64(text(name)); }
std::optional<std::uint64_t> ParsedFlags::gigabytes(std::string_view name) const {
  return parse_gigabytes(text(name));
}
std::optional<std::chrono::nanoseconds> ParsedFlags::duration(std::string_view name) const {
  return parse_duration_flag(text(name));
}

Result<ParsedFlags> parse_flags(std::span<const std::string> arguments,
                                std::span<const FlagSpec* const> declared, FlagStop stop) {
  ParsedFlags parsed;
  parsed.declared_.assign(declared.begin(), declared.end());
  const auto take_rest = [&](std::size_t from) {
    parsed.words.insert(parsed.words.end(), arguments.begin() + static_cast<std::ptrdiff_t>(from),
                        arguments.end());
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") {
      parsed.dashes = parsed.words.size();
      take_rest(i + 1);
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {  // "-" alone is a word: a stream
      if (stop == FlagStop::kFirstPlainWord) {
        take_rest(i);
        break;
      }
      parsed.words.emplace_back(argument);
      continue;
    }
    auto name = argument.substr(argument[1] == '-' ? 2 : 1);
    std::optional<std::string> value;
    if (const auto equals = name.find('='); equals != std::string_view::npos) {
      value = std::string(name.substr(equals + 1));
      name = name.substr(0, equals);
    }
    const auto* flag = find_flag(declared, name);
    if (flag == nullptr) return unknown_flag(name, declared);
    if (!value && flag->kind == FlagKind::kSwitch) value = "true";
    if (!value) {
      if (i + 1 >= arguments.size()) {
        return Error(Code::kInvalidArgument,
                     "flag -" + std::string(name) + " needs a value: " + std::string(flag->value));
      }
      value = arguments[++i];
    }
    COVE_TRY(check_value(*flag, *value));
    parsed.values_.emplace_back(flag, std::move(*value));
  }
  return parsed;
}

std::optional<std::chrono::nanoseconds> parse_duration_flag(std::string_view text) {
  if (const auto seconds = parse_u64(text)) {
    if (*seconds > 1'000'000'000) return std::nullopt;
    return std::chrono::seconds(*seconds);
  }
  const auto span = parse_duration(text);
  if (!span.ok() || span->count() < 0) return std::nullopt;
  return *span;
}

std::optional<std::uint64_t> parse_gigabytes(std::string_view text) {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  auto number = parse_u64(digits);
  if (!number) return std::nullopt;
  const auto unit = to_lower(text.substr(digits.size()));
  if (unit.empty() || unit == "g" || unit == "gb" || unit == "gib") return number;
  if (unit == "t" || unit == "tb" || unit == "tib") {
    if (*number > (std::uint64_t{1} << 40U)) return std::nullopt;
    return *number * 1024;
  }
  if ((unit == "m" || unit == "mb" || unit == "mib") && *number % 1024 == 0) return *number / 1024;
  return std::nullopt;
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  auto near = similar_names(word, candidates);
  if (near.empty()) return std::nullopt;
  return std::move(near.front());
}

}  // namespace cove
