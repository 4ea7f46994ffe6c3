// Qcow2Writer: writes a new qcow2 file from its beginning to its end: room is taken and filled in order, each
// table once, and finish() makes a disk of it. What is written goes to the device as it comes, not in one
// burst at the end. The caller owns the file's name and removes it after an error. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "disk/qcow2_clusters.h"

namespace cove {

class Qcow2Writer {
 public:
  struct Options {
    std::filesystem::path path{};  // must not be there; mode 0600
    std::uint64_t virtual_bytes = 0;
    std::string backing_file{};    // as it shall stand in the file
    std::string backing_format{};  // "raw", "qcow2"
  };
  // kAlreadyExists; kInvalidArgument as encode_qcow2().
  static Result<Qcow2Writer> create(const Options& options);

  // Room for one cluster at the file's end, empty; consecutive calls give consecutive offsets.
  std::uint64_t take();
  // `length` bytes of another file, in room that was taken.
  Result<void> copy(int from, std::uint64_t from_offset, std::uint64_t to_offset, std::uint64_t length);
  // What table `number` says. With kAbsent only, nothing is written.
  Result<void> put_table(std::size_t number, const std::vector<Qcow2Cluster>& clusters);
  // Nothing may follow. The content is on the device when this returns.
  Result<void> finish();

 private:
  Qcow2Writer(UniqueFd fd, Qcow2Layout layout);
  Result<void> put_counts();
  void push_out();

  UniqueFd fd_;
  std::string head_;
  std::uint64_t next_ = 0;    // cluster number
  std::uint64_t pushed_ = 0;  // bytes whose writing was begun
  std::vector<std::uint64_t> l1_;
};

}  // namespace cove
