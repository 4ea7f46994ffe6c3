// fake_guest: software inside the fake backend's machines: the guest agent's own services over a real agent
// link, with commands and files on this host as the calling user. It never touches the host's clock, users,
// disks or power: those services are left out, and power switches the fake machine only.
#pragma once

#include "base/result.h"
#include "hypervisor/fake/fake_hypervisor.h"

namespace cove {

// For FakeOptions::guest.
std::unique_ptr<FakeGuest> make_fake_guest(FakeGuestPorts ports);

}  // namespace cove
