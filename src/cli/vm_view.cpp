#include "cli/vm_view.h"

#include <algorithm>
#include <atomic>

#include "base/files.h"
#include "base/strings.h"
#include "base/thread.h"

namespace cove {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);
constexpr std::size_t kMostAsked = 16;  // at the same time

void add_live(Json& json, const LiveStatus& live) {
  json.set("backend", live.backend);
  json.set("accelerator", live.accelerator);
  if (!live.accelerator_reason.empty()) json.set("accelerator_reason", live.accelerator_reason);
  json.set("supervisor_pid", live.supervisor_pid);
  if (live.engine_pid != 0) json.set("engine_pid", live.engine_pid);
  json.set("started_at", live.started_at);
  json.set("network", live.network);
  if (!live.ip.empty()) json.set("ip", live.ip);
  json.set("agent", live.agent);
  if (!live.agent_version.empty()) json.set("agent_version", live.agent_version);
  Json facts = Json::array();
  for (const auto& fact : live.facts) {
    Json item = Json::object({{"name", fact.name}, {"met", fact.met}});
    if (!fact.met_at.empty()) item.set("met_at", fact.met_at);
    if (!fact.evidence.empty()) item.set("evidence", fact.evidence);
    facts.push_back(std::move(item));
  }
  json.set("facts", std::move(facts));
}

Json forwards_of(const VmView& view) {
  Json forwards = Json::array();
  const auto make = [](const std::string& address, std::uint64_t host, std::uint64_t guest) {
    return Json::object({{"host_address", address}, {"host_port", host}, {"guest_port", guest}});
  };
  if (view.live) {
    for (const auto& forward : view.live->forwards) {
      auto json = make(forward.host_address, forward.host_port, forward.guest_port);
      json.set("connections", forward.connections);
      forwards.push_back(std::move(json));
    }
  } else if (view.config) {
    for (const auto& forward : view.config->forwards)
      forwards.push_back(make(forward.host_address, forward.host_port, forward.guest_port));
  }
  return forwards;
}

}  // namespace

namespace {

VmView look_at_files(const VmDirectory& directory) {
  VmView view{directory, directory.observe(), {}, {}, {}};
  if (auto config = directory.load_config(); config.ok()) {
    view.config = std::move(config).value();
    if (const auto bytes = allocated_bytes(directory.home().disk_node(view.config->root_disk)); bytes.ok()) {
      view.disk_allocated_bytes = *bytes;
    }
  }
  if (auto tree = directory.load_snapshots(); tree.ok()) view.snapshots = std::move(tree).value();
  return view;
}

void ask_supervisor(const OpContext& ctx, VmView& view) {
  auto live = ask_status(ctx.with_timeout(kPatience), view.directory);
  if (live.ok()) {
    view.live = std::move(live).value();
    return;
  }
  // It may have come to its end meanwhile.
  view.seen = view.directory.observe();
  if (!view.seen.has_supervisor() || view.seen.stopping()) return;
  // One that starts has its lock before its socket.
  const bool silent = live.error().code() == Code::kDeadlineExceeded;
  if (!silent && view.seen.state == MachineState::kStarting) return;
  if (live.error().code() == Code::kPermissionDenied) {
    view.advice = live.error().hint_text();
    view.seen.reason = live.error().message();
    return;
  }
  const auto& name = view.directory.name().str();
  view.advice = "what it does: cove logs -supervisor " + name + "\nend it by force: cove stop -force " + name;
  view.seen.reason = "its supervisor (pid " + std::to_string(view.seen.holder->pid) + ") does not " +
                     (silent ? "answer" : "listen");
}

}  // namespace

VmView look_at(const OpContext& ctx, const VmDirectory& directory) {
  auto view = look_at_files(directory);
  if (view.seen.has_supervisor()) ask_supervisor(ctx, view);
  return view;
}

std::vector<VmView> look_at_all(const OpContext& ctx, const std::vector<VmDirectory>& directories) {
  std::vector<VmView> views;
  std::vector<std::size_t> asked;
  views.reserve(directories.size());
  for (const auto& directory : directories) {
    views.push_back(look_at_files(directory));
    if (views.back().seen.has_supervisor()) asked.push_back(views.size() - 1);
  }
  std::atomic<std::size_t> next{0};
  const auto ask_next = [&] {
    for (auto i = next++; i < asked.size(); i = next++) ask_supervisor(ctx, views[asked[i]]);
  };
  std::vector<Thread> helpers;
  for (std::size_t i = 1; i < std::min(asked.size(), kMostAsked); ++i) helpers.emplace_back("ask", ask_next);
  ask_next();
  helpers.clear();  // joins
  return views;
}

Json to_json(const VmView& view) {
  Json json = Json::object({{"name", view.directory.name().str()},
                            {"state", to_string(view.state())},
                            {"current", view.current},
                            {"path", view.directory.path().string()}});
  if (const auto reason = view.reason(); !reason.empty()) json.set("reason", reason);
  if (!view.live && view.seen.crash) json.set("crash", view.seen.crash->to_json());
  if (view.config) {
    const auto& config = *view.config;
    json.set("os", to_string(config.os));
    json.set("arch", to_string(config.arch));
    json.set("image", config.image);
    json.set("cpus", config.cpus);
    json.set("memory_bytes", config.memory_bytes());
    json.set("disk_bytes", config.disk_bytes());
    if (view.disk_allocated_bytes) json.set("disk_allocated_bytes", *view.disk_allocated_bytes);
    json.set("boot", to_string(config.boot));
    if (!config.machine_type.empty()) json.set("machine_type", config.machine_type);
    json.set("mac", config.mac);
    if (!config.user.name.empty()) json.set("user", config.user.name);
    json.set("created_at", config.created_at);
  }
  if (view.snapshots) {
    json.set("snapshots", std::uint64_t{view.snapshots->all().size()});
    if (!view.snapshots->current().empty()) json.set("current_snapshot", view.snapshots->current());
  }
  if (view.state() == MachineState::kSuspended && view.seen.suspended)
    json.set("suspended_at", view.seen.suspended->suspended_at);
  json.set("forwards", forwards_of(view));
  if (view.live) add_live(json, *view.live);
  return json;
}

std::string disk_text(const VmView& view) {
  if (!view.config) return "-";
  const auto total = std::to_string(view.config->disk_gb) + " GB";
  return view.disk_allocated_bytes ? format_bytes(*view.disk_allocated_bytes) + " of " + total : total;
}

}  // namespace cove
