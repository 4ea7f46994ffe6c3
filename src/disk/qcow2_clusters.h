// Qcow2Clusters: which part of its disk a qcow2 file holds itself, and where: the tables behind the header.
// Only what QEMU writes for an overlay without further options (clusters of 64 KiB, not compressed, nothing
// external); anything else is refused by name. Read-only; the file must not be written to meanwhile. It
// stays readable while it is open, whatever happens to its name. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "format/qcow2_header.h"

namespace cove {

inline constexpr std::uint64_t kQcow2Cluster = 65536;
// A table tells of so many clusters: 512 MiB of the disk.
inline constexpr std::size_t kQcow2TableEntries = kQcow2Cluster / 8;

struct Qcow2Cluster {
  enum class Kind : unsigned char {
    kAbsent,  // reads like the backing file
    kZeros,
    kData,  // at `offset` of the file
  };
  Kind kind = Kind::kAbsent;
  std::uint64_t offset = 0;
  friend bool operator==(const Qcow2Cluster&, const Qcow2Cluster&) = default;
};

class Qcow2Clusters {
 public:
  // kDataLoss: damaged; kUnimplemented: a feature that is not read here.
  static Result<Qcow2Clusters> open(const std::filesystem::path& path);
  // `name` is for messages.
  static Result<Qcow2Clusters> read(UniqueFd fd, std::string name);

  const Qcow2Header& header() const { return header_; }
  int fd() const { return fd_.get(); }
  std::uint64_t file_bytes() const {
    return file_bytes_;
  }  // data clusters may lie behind: they read as zeros
  // How many tables the disk's size takes, 32768 at most.
  std::size_t tables() const { return l1_.size(); }
  // The clusters of table `number`, kQcow2TableEntries of them; none if the file holds none of them, also
  // beyond tables(). kDataLoss.
  Result<std::vector<Qcow2Cluster>> table(std::size_t number) const;

 private:
  Qcow2Clusters(UniqueFd fd, std::string name, Qcow2Header header)
      : fd_(std::move(fd)), name_(std::move(name)), header_(std::move(header)) {}
  Error damaged(std::string_view what) const;
  Result<Qcow2Cluster> decode(std::uint64_t entry) const;

  UniqueFd fd_;
  std::string name_;
  Qcow2Header header_;
  std::uint64_t file_bytes_ = 0;
  std::vector<std::uint64_t> l1_;
};

}  // namespace cove
