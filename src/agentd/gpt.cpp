#include "agentd/gpt.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace cove::agentd {
namespace {

constexpr std::uint64_t kAlignBytes = std::uint64_t{1} << 20U;
constexpr std::size_t kMaxTableBytes = std::size_t{1} << 20U;
// Where the fields stand in the header and in an entry.
constexpr std::size_t kHeaderBytes = 12, kHeaderCrc = 16, kMyLba = 24, kOtherLba = 32, kLastUsable = 48,
                      kEntriesLba = 72, kEntryCount = 80, kEntryBytes = 84, kEntriesCrc = 88,
                      kHeaderMinimum = 92;
constexpr std::size_t kFirstLba = 32, kLastLba = 40, kEntryMinimum = 128;

template <typename T>
T get(const std::string& bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) {
    value = static_cast<T>(value << 8U | static_cast<T>(static_cast<unsigned char>(bytes[at + i])));
  }
  return value;
}

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[at + i] = static_cast<char>(value >> (8U * i) & 0xffU);
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  if (count < 0) return Error::from_errno(errno, "reading the partition table");
  if (static_cast<std::size_t>(count) != size)
    return Error(Code::kFailedPrecondition, "the disk is too short for a partition table");
  return bytes;
}

Result<void> write_at(int fd, std::uint64_t offset, const std::string& bytes) {
  const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (count != static_cast<ssize_t>(bytes.size()))
    return Error::from_errno(count < 0 ? errno : EIO, "writing the partition table");
  return {};
}

std::uint32_t header_crc(std::string header) {
  const auto size = get<std::uint32_t>(header, kHeaderBytes);
  put<std::uint32_t>(header, kHeaderCrc, 0);
  return crc32(std::string_view(header).substr(0, size));
}

struct Table {
  std::string header;  // one sector
  std::string entries;
  std::size_t entry_bytes = 0;
};

Result<Table> read_table(const GptDisk& disk) {
  const Error none(Code::kFailedPrecondition, "the disk has no valid GUID partition table");
  Table table;
  table.header = COVE_TRY(read_at(disk.fd, disk.sector_bytes, disk.sector_bytes));
  const auto header_bytes = get<std::uint32_t>(table.header, kHeaderBytes);
  if (!table.header.starts_with("EFI PART") || header_bytes < kHeaderMinimum ||
      header_bytes > disk.sector_bytes ||
      header_crc(table.header) != get<std::uint32_t>(table.header, kHeaderCrc)) {
    return none;
  }
  const std::uint64_t count = get<std::uint32_t>(table.header, kEntryCount);
  table.entry_bytes = get<std::uint32_t>(table.header, kEntryBytes);
  const std::uint64_t lba = get<std::uint64_t>(table.header, kEntriesLba);
  if (table.entry_bytes < kEntryMinimum || count == 0 || count * table.entry_bytes > kMaxTableBytes ||
      lba > disk.bytes / disk.sector_bytes) {
    return none;
  }
  table.entries = COVE_TRY(
      read_at(disk.fd, lba * disk.sector_bytes, static_cast<std::size_t>(count * table.entry_bytes)));
  if (crc32(table.entries) != get<std::uint32_t>(table.header, kEntriesCrc)) return none;
  return table;
}

Result<void> check_last(const Table& table, std::size_t entry) {
  const auto end = get<std::uint64_t>(table.entries, entry + kLastLba);
  for (std::size_t other = 0; other + table.entry_bytes <= table.entries.size(); other += table.entry_bytes) {
    const bool used = table.entries.find_first_not_of('\0', other) < other + 16;
    if (used && get<std::uint64_t>(table.entries, other + kFirstLba) > end)
      return Error(Code::kFailedPrecondition, "another partition stands behind the one to grow");
  }
  return {};
}

Result<void> write_tables(const GptDisk& disk, Table& table, std::uint64_t sectors,
                          std::uint64_t entries_sectors) {
  put(table.header, kEntriesCrc, crc32(table.entries));
  const auto primary_entries = get<std::uint64_t>(table.header, kEntriesLba);
  std::string backup = table.header;
  put<std::uint64_t>(backup, kMyLba, sectors - 1);
  put<std::uint64_t>(backup, kOtherLba, 1);
  put<std::uint64_t>(backup, kEntriesLba, sectors - 1 - entries_sectors);
  put(backup, kHeaderCrc, header_crc(backup));
  put<std::uint64_t>(table.header, kOtherLba, sectors - 1);
  put(table.header, kHeaderCrc, header_crc(table.header));
  const std::uint64_t sector = disk.sector_bytes;
  COVE_TRY(write_at(disk.fd, (sectors - 1 - entries_sectors) * sector, table.entries));
  COVE_TRY(write_at(disk.fd, (sectors - 1) * sector, backup));
  if (::fsync(disk.fd) < 0) return Error::from_errno(errno, "writing the partition table");
  COVE_TRY(write_at(disk.fd, primary_entries * sector, table.entries));
  COVE_TRY(write_at(disk.fd, sector, table.header));
  if (::fsync(disk.fd) < 0) return Error::from_errno(errno, "writing the partition table");
  return {};
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? value >> 1U ^ 0xedb88320U : value >> 1U;
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xffU] ^ crc >> 8U;
  return ~crc;
}

Result<PartitionExtent> grow_gpt_partition(const OpContext& ctx, const GptDisk& disk, std::uint32_t number) {
  COVE_TRY(ctx.check());
  Table table = COVE_TRY(read_table(disk));
  const std::size_t entry = (number - 1) * table.entry_bytes;
  if (number == 0 || entry + table.entry_bytes > table.entries.size())
    return Error(Code::kFailedPrecondition, "no partition " + std::to_string(number));
  const auto first = get<std::uint64_t>(table.entries, entry + kFirstLba);
  const auto last = get<std::uint64_t>(table.entries, entry + kLastLba);
  if (first == 0 || last < first)
    return Error(Code::kFailedPrecondition, "no partition " + std::to_string(number));
  COVE_TRY(check_last(table, entry));
  const std::uint64_t sector = disk.sector_bytes;
  const std::uint64_t sectors = disk.bytes / sector;
  const std::uint64_t entries_sectors = (table.entries.size() + sector - 1) / sector;
  PartitionExtent extent{first * sector, (last - first + 1) * sector, PartitionExtent::Change::kNone};
  if (last >= sectors)
    return Error(Code::kFailedPrecondition,
                 "partition " + std::to_string(number) + " reaches beyond the disk");
  if (sectors < entries_sectors + 2 + last) return extent;
  const std::uint64_t last_usable = sectors - 2 - entries_sectors;
  const std::uint64_t align = kAlignBytes / sector;
  const std::uint64_t new_last = (last_usable + 1) / align * align - 1;
  if (new_last <= last) return extent;
  put(table.entries, entry + kLastLba, new_last);
  put(table.header, kLastUsable, last_usable);
  COVE_TRY(write_tables(disk, table, sectors, entries_sectors));
  extent.length_bytes = (new_last - first + 1) * sector;
  extent.change = PartitionExtent::Change::kGrown;
  return extent;
}

}  // namespace cove::agentd
