#include "cli/output.h"

#include <algorithm>

#include "base/io.h"
#include "base/strings.h"

namespace cove {

void Output::print(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() > (std::size_t{64} << 10U)) flush();
}

void Output::print_line(std::string_view text) {
  print(text);
  print("\n");
}

void Output::print_json(const Json& value) { print_line(value.dump(2)); }

void Output::note(std::string_view text) {
  flush();
  static_cast<void>(write_all({}, err_, std::string(text) + "\n"));  // nowhere to report this one
}

void Output::tell(const Deed& deed, Form form) {
  if (form == Form::kJson) return print_json(to_json(deed));
  note(printable(deed.text.empty() ? deed.vm + ": " + deed.done : deed.text));
}

void Output::flush() {
  if (buffer_.empty()) return;
  if (!failure_) {
    if (auto written = write_all({}, out_, buffer_); !written.ok()) {
      failure_ = std::move(written).context("writing to standard output").error();
    }
  }
  buffer_.clear();
}

Json versioned(const Json& object) {
  Json whole = Json::object({{"version", 1}});
  for (const auto& [name, value] : object.members()) whole.set(name, value);
  return whole;
}

Json to_json(const Deed& deed) {
  Json json = Json::object({{"name", deed.vm}, {"done", deed.done}, {"state", deed.state}});
  for (const auto& [name, value] : deed.details.members()) json.set(name, value);
  return versioned(json);
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  const auto width = [](std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
  };
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string printable(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string safe;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
      safe += "\\x";
      safe += kHex[byte >> 4U];
      safe += kHex[byte & 15U];
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string format_error(const Error& error) {
  std::string text = "cove: " + printable(error.message()) + "\n";
  if (error.hint_text().empty()) return text;
  for (const auto line : split(error.hint_text(), '\n')) text += "hint: " + printable(line) + "\n";
  return text;
}

std::string format_error_json(const Error& error) {
  Json body = Json::object({{"code", code_name(error.code())}, {"message", error.message()}});
  if (!error.hint_text().empty()) body.set("hint", error.hint_text());
  return Json::object({{"error", body}}).dump() + "\n";
}

}  // namespace cove
