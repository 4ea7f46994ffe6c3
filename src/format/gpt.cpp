#include "format/gpt.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kEntries = 128;
constexpr std::size_t kEntryBytes = 128;
constexpr std::size_t kGptHeaderBytes = 92;
constexpr std::string_view kSignature = "EFI PART";

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (0xedb88320 & (0U - (crc & 1U)));
  }
  return ~crc;
}

std::uint64_t load_le(std::string_view bytes, std::size_t offset, unsigned width) {
  std::uint64_t value = 0;
  for (unsigned i = width; i > 0; --i)
    value = value << 8U | static_cast<unsigned char>(bytes[offset + i - 1]);
  return value;
}
void store_le(std::string& bytes, std::size_t offset, std::uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xffU);
}
Guid load_guid(std::string_view bytes, std::size_t offset) {
  Guid guid;
  std::memcpy(guid.data(), bytes.data() + offset, guid.size());
  return guid;
}
void store_guid(std::string& bytes, std::size_t offset, const Guid& guid) {
  std::memcpy(bytes.data() + offset, guid.data(), guid.size());
}
Error damaged_gpt(std::string_view what) {
  return Error(Code::kDataLoss, "partition table: " + std::string(what));
}

std::string encode_entries(const GptLayout& layout) {
  std::string entries(kEntries * kEntryBytes, '\0');
  for (const auto& [index, partition] : layout.partitions) {
    const std::size_t at = index * kEntryBytes;
    store_guid(entries, at, partition.type);
    store_guid(entries, at + 16, partition.id);
    store_le(entries, at + 32, partition.first_sector, 8);
    store_le(entries, at + 40, partition.last_sector, 8);
    store_le(entries, at + 48, partition.attributes, 8);
    entries.replace(at + 56, partition.name.size(), partition.name);
  }
  return entries;
}

struct HeaderPlace {
  std::uint64_t own;
  std::uint64_t other;
  std::uint64_t entries;
};
std::string encode_header(const GptLayout& layout, const HeaderPlace& place, std::uint64_t disk_sectors,
                          std::uint32_t entries_crc) {
  std::string header(kSectorBytes, '\0');
  header.replace(0, kSignature.size(), kSignature);
  store_le(header, 8, 0x00010000, 4);
  store_le(header, 12, kGptHeaderBytes, 4);
  store_le(header, 24, place.own, 8);
  store_le(header, 32, place.other, 8);
  store_le(header, 40, kGptHeadSectors, 8);
  store_le(header, 48, disk_sectors - kGptTailSectors - 1, 8);
  store_guid(header, 56, layout.disk_id);
  store_le(header, 72, place.entries, 8);
  store_le(header, 80, kEntries, 4);
  store_le(header, 84, kEntryBytes, 4);
  store_le(header, 88, entries_crc, 4);
  store_le(header, 16, crc32(std::string_view(header).substr(0, kGptHeaderBytes)), 4);
  return header;
}

// An MBR with one entry of type 0xEE over the whole disk, so that old tools leave it alone.
std::string protective_mbr(std::uint64_t disk_sectors) {
  std::string mbr(kSectorBytes, '\0');
  const std::size_t at = 446;
  store_le(mbr, at + 1, 0x000200, 3);
  store_le(mbr, at + 4, 0xffffffee, 4);
  store_le(mbr, at + 8, 1, 4);
  store_le(mbr, at + 12, std::min<std::uint64_t>(disk_sectors - 1, 0xffffffff), 4);
  store_le(mbr, 510, 0xaa55, 2);
  return mbr;
}

}  // namespace

Result<Guid> parse_guid(std::string_view text) {
  std::string digits;
  const bool shaped =
      text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
  for (const char c : text) {
    if (c != '-') digits.push_back(c);
  }
  const auto raw = hex_decode(digits);
  if (!shaped || !raw || raw->size() != 16) {
    return Error(Code::kInvalidArgument, "\"" + std::string(text) + "\" is no GUID");
  }
  // The first three groups are stored little-endian.
  constexpr std::array<std::size_t, 16> kOrder = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  Guid guid;
  for (std::size_t i = 0; i < 16; ++i) guid[i] = static_cast<unsigned char>((*raw)[kOrder[i]]);
  return guid;
}

std::string to_string(const Guid& guid) {
  constexpr std::array<std::size_t, 16> kOrder = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  std::string raw;
  for (const std::size_t i : kOrder) raw.push_back(static_cast<char>(guid[i]));
  std::string text = hex_encode(raw);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

Guid random_guid() {
  Guid guid;
  const std::string bytes = random_bytes(guid.size());
  std::memcpy(guid.data(), bytes.data(), guid.size());
  guid[7] = static_cast<unsigned char>((guid[7] & 0x0fU) | 0x40U);  // version 4: random
  guid[8] = static_cast<unsigned char>((guid[8] & 0x3fU) | 0x80U);
  return guid;
}

std::string gpt_name(std::string_view ascii) {
  std::string name;
  for (const char c : ascii.substr(0, 36)) name.append({c, '\0'});
  return name;
}

Result<GptLayout> parse_gpt(std::string_view head) {
  if (head.size() < kGptHeadSectors * kSectorBytes) return damaged_gpt("too short");
  std::string header(head.substr(kSectorBytes, kSectorBytes));
  if (!header.starts_with(kSignature)) return damaged_gpt("no signature");
  if (load_le(header, 12, 4) != kGptHeaderBytes || load_le(header, 80, 4) != kEntries ||
      load_le(header, 84, 4) != kEntryBytes || load_le(header, 72, 8) != 2 || load_le(header, 24, 8) != 1) {
    return damaged_gpt("a shape this version does not know");
  }
  const auto header_crc = static_cast<std::uint32_t>(load_le(header, 16, 4));
  store_le(header, 16, 0, 4);
  if (crc32(std::string_view(header).substr(0, kGptHeaderBytes)) != header_crc)
    return damaged_gpt("wrong checksum");
  const std::string_view entries = head.substr(2 * kSectorBytes, kEntries * kEntryBytes);
  if (crc32(entries) != load_le(header, 88, 4)) return damaged_gpt("wrong checksum of the entries");
  GptLayout layout;
  layout.disk_id = load_guid(header, 56);
  layout.table_end = load_le(header, 32, 8);
  for (unsigned index = 0; index < kEntries; ++index) {
    const std::size_t at = index * kEntryBytes;
    GptPartition partition;
    partition.type = load_guid(entries, at);
    if (partition.type == Guid{}) continue;
    partition.id = load_guid(entries, at + 16);
    partition.first_sector = load_le(entries, at + 32, 8);
    partition.last_sector = load_le(entries, at + 40, 8);
    partition.attributes = load_le(entries, at + 48, 8);
    partition.name = entries.substr(at + 56, 72);
    if (partition.first_sector < kGptHeadSectors || partition.last_sector < partition.first_sector ||
        partition.last_sector >= layout.table_end) {
      return damaged_gpt("partition " + std::to_string(index + 1) + " lies outside of the disk");
    }
    layout.partitions.emplace_back(index, std::move(partition));
  }
  return layout;
}

Result<GptBytes> encode_gpt(const GptLayout& layout, std::uint64_t disk_sectors) {
  if (disk_sectors < kGptHeadSectors + kGptTailSectors + 1) {
    return Error(Code::kInvalidArgument, "disk too small for a partition table");
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [index, partition] : layout.partitions) {
    const bool inside = index < kEntries && partition.name.size() <= 72 &&
                        partition.first_sector >= kGptHeadSectors &&
                        partition.last_sector >= partition.first_sector &&
                        partition.last_sector < disk_sectors - kGptTailSectors;
    if (!inside) {
      return Error(Code::kInvalidArgument, "partition " + std::to_string(index + 1) + " does not fit");
    }
    ranges.emplace_back(partition.first_sector, partition.last_sector);
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i - 1].second) {
      return Error(Code::kInvalidArgument, "partitions overlap");
    }
  }
  const std::string entries = encode_entries(layout);
  const std::uint32_t crc = crc32(entries);
  const std::uint64_t last = disk_sectors - 1;
  GptBytes out;
  out.head = protective_mbr(disk_sectors) + encode_header(layout, {1, last, 2}, disk_sectors, crc) + entries;
  out.tail = entries + encode_header(layout, {last, 1, disk_sectors - kGptTailSectors}, disk_sectors, crc);
  return out;
}

Result<unsigned> stretch_last_partition(GptLayout& layout, std::uint64_t disk_sectors) {
  if (layout.partitions.empty()) return Error(Code::kFailedPrecondition, "no partition to stretch");
  if (layout.table_end + 1 == disk_sectors) {
    return Error(Code::kFailedPrecondition, "the table already fills the disk");
  }
  auto last = std::max_element(
      layout.partitions.begin(), layout.partitions.end(),
      [](const auto& a, const auto& b) { return a.second.last_sector < b.second.last_sector; });
  const std::uint64_t end = disk_sectors < kGptTailSectors + 1 ? 0 : disk_sectors - kGptTailSectors - 1;
  if (end < last->second.last_sector) {
    return Error(Code::kOutOfRange, "the disk is smaller than its partition table says");
  }
  last->second.last_sector = end;
  layout.table_end = disk_sectors - 1;
  return last->first;
}

}  // namespace cove
