#include "control/verb_table.h"

#include "base/check.h"

namespace cove {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using enum VerbId;
using enum Verb::HangUp;
using enum Verb::Answer;

constexpr StateSet kUp = state_bit(MachineState::kRunning);
constexpr StateSet kHeld = state_bit(MachineState::kPaused);
constexpr StateSet kLive = kUp | kHeld | state_bit(MachineState::kStarting);
constexpr seconds kOwn{0};

// clang-format off
constexpr Verb kVerbs[] = {
    {kPing, "ping", "", "", kAnyState, seconds(5), kCompletes, kLine, "Answers pong."},
    {kStatus, "status", "", "", kAnyState, seconds(10), kCancels, kLine, "What the VM is doing, from live evidence."},
    {kCapabilities, "capabilities", "", "", kAnyState, seconds(5), kCompletes, kLine, "What this supervisor speaks."},
    {kWait, "wait", "wait", "wait", kAnyState, kOwn, kCancels, kLine, "Waits until a fact is true; else says which are missing."},
    {kMetrics, "metrics", "", "", kAnyState, seconds(10), kCancels, kLine, "Counters of the supervisor."},
    {kPause, "pause", "", "", kUp, seconds(10), kCompletes, kLine, "Stops the guest's CPUs."},
    {kResume, "resume", "", "", kHeld, seconds(10), kCompletes, kLine, "Lets the guest's CPUs run again."},
    {kStop, "stop", "stop", "", kLive, kOwn, kCompletes, kLine, "Ends the VM: at once, or by asking first (stop.mode)."},
    {kRequestStop, "request-stop", "", "", kUp, seconds(10), kCompletes, kLine, "Presses the guest's power button; does not wait."},
    {kRestart, "restart", "stop", "", kUp | kHeld, kOwn, kCompletes, kLine, "Restarts the guest: by asking it, else by a reset."},
    {kSuspend, "suspend", "", "", kUp | kHeld, minutes(60), kCompletes, kLine, "Saves the VM's state and ends it; its next run goes on from there."},
    {kSnapshot, "snapshot", "snapshot", "snapshot", kAnyState, minutes(60), kCompletes, kLine, "Saves, lists, deletes states by name; the guest goes on."},
    {kDiskSnapshot, "disk-snapshot", "disk_snapshot", "disk-snapshot", kUp | kHeld, minutes(60), kCompletes, kLine, "Saves the disks of now by name; the guest goes on."},
    {kForkBase, "fork-base", "", "", kUp | kHeld, minutes(5), kCompletes, kLine, "Saves a state that others may go on from while this VM runs."},
    {kNetworkInfo, "network-info", "", "", kAnyState, seconds(10), kCancels, kLine, "Address, MAC and mode of the guest's network."},
    {kPortForward, "port-forward", "port_forward", "port-forward", kAnyState, seconds(10), kCompletes, kLine, "Starts, stops, lists TCP ports of the host that lead into the guest."},
    {kConsoleAttach, "console-attach", "console", "", kLive, kOwn, kCancels, kBytes, "Turns the connection into the serial console."},
    {kAgentConnect, "agent-connect", "", "", kUp, seconds(60), kCancels, kLine, "Connects to the guest agent anew."},
    {kAgentPing, "agent-ping", "", "", kUp, seconds(5), kCancels, kLine, "Round trip to the guest agent."},
    {kAgentInfo, "agent-info", "", "", kUp, seconds(10), kCancels, kLine, "The guest as its agent sees it."},
    {kAgentExec, "agent-exec", "agent_exec", "agent-exec", kUp, minutes(10), kCancels, kLine, "Runs a command as root; a failing command is still a success."},
    {kAgentUserExec, "agent-user-exec", "agent_exec", "agent-exec", kUp, minutes(10), kCancels, kLine, "Runs a command as the provisioned user."},
    {kAgentExecStream, "agent-exec-stream", "agent_exec", "agent-exec", kUp, minutes(10), kCancels, kLines, "As agent-exec, output as it comes."},
    {kAgentUserExecStream, "agent-user-exec-stream", "agent_exec", "agent-exec", kUp, minutes(10), kCancels, kLines, "As agent-user-exec, output as it comes."},
    {kAgentRead, "agent-read", "agent_read", "agent-read", kUp, seconds(30), kCancels, kLine, "A file of the guest, up to 64 MiB."},
    {kAgentWrite, "agent-write", "agent_write", "agent-write", kUp, seconds(30), kCancels, kLine, "Replaces a file of the guest."},
    {kAgentCopy, "agent-cp", "agent_cp", "agent-cp", kUp, minutes(10), kCancels, kLine, "Copies a file between the host and the guest."},
    {kAgentShutdown, "agent-shutdown", "agent_shutdown", "", kUp, seconds(10), kCompletes, kLine, "Asks the guest agent to power off; does not wait."},
    {kAgentReboot, "agent-reboot", "", "", kUp, seconds(10), kCompletes, kLine, "Asks the guest agent to reboot; does not wait."},
    {kAgentStatus, "agent-status", "", "", kAnyState, seconds(10), kCancels, kLine, "Whether the guest agent is connected, without asking it."},
};
// clang-format on

struct Alias {
  std::string_view spelling;
  VerbId id;
};
constexpr Alias kAliases[] = {
    {"network", kNetworkInfo}, {"port_forward", kPortForward}, {"agent-user-ping", kAgentPing}};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

const Verb& verb(VerbId id) {
  const Verb& found = kVerbs[static_cast<std::size_t>(id)];
  COVE_CHECK(found.id == id);
  return found;
}

const Verb* find_verb(std::string_view type) {
  for (const auto& entry : kVerbs) {
    if (entry.name == type) return &entry;
  }
  for (const auto& alias : kAliases) {
    if (alias.spelling == type) return &verb(alias.id);
  }
  return nullptr;
}

std::string unknown_verb_text(std::string_view type) {
  std::string text = "unknown command type: " + std::string(type) + "\nValid commands include";
  const char* separator = " ";
  for (const auto& entry : kVerbs) {
    text.append(separator).append(entry.name);
    separator = ", ";
  }
  return text;
}

}  // namespace cove
