// fake_guest: software inside the fake backend's machines: the guest agent's own services over a real agent
// link, with commands and files on this host as the calling user. It never touches the host's clock, users,
// disks or power: those services are left out, and power switches the fake machine only.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "hypervisor/fake/fake_hypervisor.h"

namespace cove {

// For FakeOptions::guest. `root` is the folder that it takes for its root file system's /etc: made anew, and
// removed when the guest ends.
std::unique_ptr<FakeGuest> make_fake_guest(FakeGuestPorts ports, std::filesystem::path root);

}  // namespace cove
