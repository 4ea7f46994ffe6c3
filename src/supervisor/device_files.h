// device_files: a machine's DeviceState as the two files of a saved state: "device.state" is the engine's own
// format, "video.pages" the pages of video memory that hold something: for each run of them u32 first page,
// u32 count, then the pages of 4096 bytes; numbers little-endian. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "hypervisor/state_capture.h"

namespace cove {

std::string encode_video(const std::vector<DeviceState::VideoPages>& video);
// kDataLoss says what is wrong.
Result<std::vector<DeviceState::VideoPages>> parse_video(std::string_view bytes);

}  // namespace cove
