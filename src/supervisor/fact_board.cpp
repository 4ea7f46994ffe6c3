#include "supervisor/fact_board.h"

#include "base/check.h"

namespace cove {

const FactState* FactBoard::Board::look(std::string_view name) const {
  for (const auto& entry : facts) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

FactState& FactBoard::Board::find(std::string_view name) {
  for (auto& entry : facts) {
    if (entry.name == name) return entry;
  }
  check_failed("a fact of this board", __FILE__, __LINE__);
}

namespace {

// What is known of a fact before anything has happened.
std::string_view not_yet(std::string_view name) {
  if (name == fact::kProcess) return "its engine is not running yet";
  if (name == fact::kKernel) return "nothing on its console yet";
  if (name == fact::kAgent) return "it has not answered yet";
  return "waits for the agent";
}

}  // namespace

FactBoard::FactBoard(std::vector<std::string_view> names) {
  board_.with([&](Board& board) {
    for (const auto name : names) {
      FactState state;
      state.name = name;
      state.evidence = not_yet(name);
      board.facts.push_back(std::move(state));
    }
  });
}

void FactBoard::meet(std::string_view name, std::string evidence) {
  board_.with([&](Board& board) {
    FactState& state = board.find(name);
    if (!state.met) state.met_at = std::chrono::system_clock::now();
    state.met = true;
    state.evidence = std::move(evidence);
  });
}

void FactBoard::miss(std::string_view name, std::string evidence) {
  board_.with([&](Board& board) {
    FactState& state = board.find(name);
    state.met = false;
    state.evidence = std::move(evidence);
  });
}

void FactBoard::start_over(std::string_view why) {
  board_.with([&](Board& board) {
    for (auto& state : board.facts) {
      if (state.name == fact::kProcess) continue;
      state.met = false;
      state.evidence = why;
    }
  });
}

void FactBoard::stand_still() {
  board_.with([](Board& board) { board.still = true; });
}

void FactBoard::go_on() {
  board_.with([](Board& board) { board.still = false; });
}

void FactBoard::close(std::string why) {
  board_.with([&](Board& board) {
    if (board.closed.empty()) board.closed = std::move(why);
  });
}

bool FactBoard::knows(std::string_view name) const {
  return board_.read([&](const Board& board) { return board.look(name) != nullptr; });
}

bool FactBoard::met(std::string_view name) const {
  return board_.read([&](const Board& board) {
    const FactState* state = board.look(name);
    return state != nullptr && state->met;
  });
}

std::vector<FactState> FactBoard::all() const {
  return board_.read([](const Board& board) { return board.facts; });
}

Result<void> FactBoard::wait(const OpContext& ctx, std::string_view name) {
  if (!knows(name)) return Error(Code::kNotFound, "no such fact here: " + std::string(name));
  const bool of_guest = name != fact::kProcess;
  Result<void> outcome;
  COVE_TRY(board_.wait(
      ctx,
      [&](const Board& board) {
        return board.look(name)->met || !board.closed.empty() || (of_guest && board.still);
      },
      [&](const Board& board) {
        if (of_guest && board.still) {
          outcome = Error(Code::kUnavailable, "the vm is paused");
        } else if (!board.look(name)->met) {
          outcome = Error(Code::kAborted, board.closed);
        }
      }));
  return outcome;
}

}  // namespace cove
