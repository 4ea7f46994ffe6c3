// Output: what a command says. Results go to standard output (buffered, flushed at the end or on request),
// progress, notes and errors to standard error. Owned by the dispatcher; one thread. A reader that went away
// (EPIPE) or a full disk is remembered, not thrown: failure() tells at the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace cove {

// What a command did to a VM: a line for people, an object for programs.
struct Deed {
  std::string vm;
  std::string done;                 // "stopped", "renamed"
  std::string state;                // the VM's afterwards: one of list's words, or "deleted"
  std::string text{};               // for people; empty: the VM's name and `done`
  Json details = Json::object({});  // further members
};
enum class Form : unsigned char { kText, kJson };

class Output {
 public:
  Output(int out, int err) : out_(out), err_(err) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { flush(); }

  void print(std::string_view text);       // standard output, as it is
  void print_line(std::string_view text);  // and a line feed
  void print_json(const Json& value);      // indented, one value
  void note(std::string_view text);        // one line on standard error
  // kText: a line on standard error. kJson: an object on standard output; several VMs, several objects.
  void tell(const Deed& deed, Form form);
  void flush();
  std::optional<Error> failure() const { return failure_; }

 private:
  int out_;
  int err_;
  std::string buffer_;
  std::optional<Error> failure_;
};

// {"version":1,"name":...,"done":...,"state":..., and the details}
Json to_json(const Deed& deed);
// The object with "version":1 before its members, as every command prints it.
Json versioned(const Json& object);

// A table with left-aligned columns two blanks apart; the first row is the head. Column widths count code
// points.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

// "cove: message" and "hint: ..." lines, control characters made visible; or the JSON object of -json.
std::string format_error(const Error& error);
std::string format_error_json(const Error& error);

// Makes control characters of foreign text visible, so that it cannot steer the user's terminal.
std::string printable(std::string_view text);

}  // namespace cove
