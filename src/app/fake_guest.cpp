#include "app/fake_guest.h"

#include <pwd.h>
#include <unistd.h>

#include <atomic>
#include <list>

#include "agentd/services.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/loop_thread.h"
#include "channel/agent_link.h"
#include "channel/guest_channel.h"
#include "proto/agent.pb.h"

namespace cove {
namespace {

using namespace vz::agent::v1;

constexpr const char* kVersion = "fake";

// Fills a root folder with one account: the caller, whom both realms run as. What an earlier guest left goes.
Result<void> make_root(const std::filesystem::path& root) {
  COVE_TRY(remove_tree(root));
  COVE_TRY(make_directories(root / "etc" / "cove"));
  const passwd* entry = ::getpwuid(::geteuid());
  const std::string name = entry != nullptr ? entry->pw_name : "user";
  const std::string home = entry != nullptr ? entry->pw_dir : "/";
  const std::string ids = std::to_string(::geteuid()) + ":" + std::to_string(::getegid());
  COVE_TRY(write_file_atomic(root / "etc/passwd", name + ":x:" + ids + "::" + home + ":/bin/sh\n"));
  COVE_TRY(write_file_atomic(root / "etc/group", name + ":x:" + std::to_string(::getegid()) + ":\n"));
  COVE_TRY(write_file_atomic(root / "etc/cove/agent.conf", "user=" + name + "\n"));
  return {};
}

class FakeGuestAgent final : public FakeGuest {
 public:
  FakeGuestAgent(FakeGuestPorts ports, std::filesystem::path root)
      : ports_(std::move(ports)),
        root_(std::move(root)),
        system_{agentd::Realm::Kind::kSystem, root_, kVersion},
        user_{agentd::Realm::Kind::kUser, root_, kVersion} {
    for (const auto* realm : {&system_, &user_}) {
      rpc::Handlers& handlers = realm == &system_ ? system_handlers_ : user_handlers_;
      agentd::register_exec_service(handlers, *realm);
      agentd::register_attach_service(handlers, *realm);
      agentd::register_tree_service(handlers, *realm);
    }
    agentd::register_file_service(system_handlers_, system_);
    agentd::register_info_service(system_handlers_, system_);
    agentd::register_freeze_service(system_handlers_, system_);  // in word only: its root is not "/"
    register_power();
    loop_.do_on_loop([this] { open_link(); });
  }
  ~FakeGuestAgent() override {
    over_.cancel();
    loop_.do_on_loop([this] {
      going_down_.reset();
      driver_.reset();
      link_.reset();
    });
    sessions_.clear();
    if (auto removed = remove_tree(root_); !removed.ok()) {
      log_warn("the fake guest's folder stays", {{"reason", removed.error().message()}});
    }
  }

  void hold() override {
    loop_.do_on_loop([this] {
      if (link_ != nullptr) link_->hold();
    });
  }
  void go_on() override {
    loop_.do_on_loop([this] {
      if (link_ != nullptr) link_->go_on({});
    });
  }
  void move_to(FakeGuestPorts ports) override {
    loop_.do_on_loop([&] {
      if (link_ != nullptr) link_->move_to(std::move(ports.agent), {});
    });
    ports_.with([&](FakeGuestPorts& own) { own = std::move(ports); });
  }

 private:
  struct Session {
    std::atomic<bool> finished{false};
    Thread thread;
  };

  void register_power() {
    const std::string service = "/vz.agent.v1.Agent/";
    system_handlers_.unary<ShutdownRequest, ShutdownResponse>(
        service + "Shutdown",
        [this](const OpContext&, const ShutdownRequest&, ShutdownResponse&) -> Result<void> {
          go_down([](const FakeGuestPorts& ports) { ports.power_off(); });
          return {};
        });
    system_handlers_.unary<RebootRequest, RebootResponse>(
        service + "Reboot", [this](const OpContext&, const RebootRequest&, RebootResponse&) -> Result<void> {
          go_down([](const FakeGuestPorts& ports) { ports.reboot(); });
          return {};
        });
  }

  // As in a guest: the agent has answered long before the machine is down.
  void go_down(void (*how)(const FakeGuestPorts& ports)) {
    static constexpr auto kWhileServicesEnd = std::chrono::milliseconds(20);
    loop_.loop().post([this, how] {
      going_down_ = loop_.loop().after(kWhileServicesEnd, [this, how] { ports_.read(how); });
    });
  }

  void accept(std::uint32_t port, UniqueFd stream) {
    sessions_.remove_if([](const auto& session) { return session->finished.load(); });
    if (port != kSystemRealmPort && port != kUserRealmPort) return;
    const rpc::Handlers& handlers = port == kSystemRealmPort ? system_handlers_ : user_handlers_;
    auto session = std::make_unique<Session>();
    auto fd = std::make_shared<UniqueFd>(std::move(stream));
    session->thread = Thread("fake-agent-rpc", [this, &handlers, fd, &finished = session->finished] {
      static_cast<void>(
          rpc::serve({over_.token(), Deadline()}, std::move(*fd), handlers, agentd::agent_server_options()));
      finished.store(true);
    });
    sessions_.push_back(std::move(session));
  }

  void open_link() {
    AgentLink::Options options;
    options.role = AgentLink::Role::kGuest;
    options.on_accept = [this](std::uint32_t port, UniqueFd fd) { accept(port, std::move(fd)); };
    UniqueFd port = ports_.with([](FakeGuestPorts& ports) { return std::move(ports.agent); });
    auto link = AgentLink::create(std::move(port), std::move(options));
    if (!link.ok()) return;
    link_ = std::move(*link);
    driver_ = link_->attach(loop_.loop());
  }

  Guarded<FakeGuestPorts> ports_;
  std::filesystem::path root_;
  agentd::Realm system_;
  agentd::Realm user_;
  rpc::Handlers system_handlers_;
  rpc::Handlers user_handlers_;
  CancelSource over_;
  std::list<std::unique_ptr<Session>> sessions_;
  LoopThread loop_{"fake-guest"};
  // The loop's.
  std::unique_ptr<AgentLink> link_;
  Registration driver_;
  Registration going_down_;
};

}  // namespace

std::unique_ptr<FakeGuest> make_fake_guest(FakeGuestPorts ports, std::filesystem::path root) {
  if (auto made = make_root(root); !made.ok()) {
    log_error("no fake guest", {{"reason", made.error().message()}});
    return nullptr;
  }
  return std::make_unique<FakeGuestAgent>(std::move(ports), std::move(root));
}

}  // namespace cove
