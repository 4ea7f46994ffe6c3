#include "state/memory_layers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/files.h"

namespace cove {
namespace {

constexpr std::uint64_t kLayeredBytes = std::uint64_t{64} << 20U;
const std::string kFirst(32, '1');
const std::string kSecond(32, '2');
const std::string kThird(32, '3');

std::string page_of(char letter) { return std::string(kPageBytes, letter); }

class NoSteps final : public Progress {
 public:
  void step(std::string_view) override {}
  void amount(std::uint64_t, std::uint64_t) override {}
};

class MemoryLayers : public testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

  PageIndex write(const std::string& id, const std::map<std::uint32_t, std::string>& pages,
                  const PageIndex* before = nullptr) {
    auto writer = PageLayerWriter::create(
        {.layer = path(id), .layer_id = id, .memory_bytes = kLayeredBytes, .before = before});
    EXPECT_TRUE(writer.ok());
    for (const auto& [page, bytes] : pages) EXPECT_TRUE(writer->add(page, bytes).ok());
    auto index = writer->finish();
    EXPECT_TRUE(index.ok());
    EXPECT_FALSE(path_exists(path("." + id + "." + std::to_string(::getpid()) + ".new")));
    return *index;
  }

  Result<std::map<std::uint32_t, std::string>> read(const PageIndex& index) {
    std::map<std::uint32_t, std::string> pages;
    auto done = read_indexed_pages(
        index, [&](const std::string& id) { return open_file(path(id), O_RDONLY); },
        [&](std::uint32_t page, std::string_view bytes) -> Result<void> {
          for (; !bytes.empty(); bytes.remove_prefix(kPageBytes)) pages[page++] = bytes.substr(0, kPageBytes);
          return {};
        });
    if (!done.ok()) return std::move(done).error();
    return pages;
  }

  TempDir folder_ = TempDir::create("/tmp", "cove-memory-").value();
};

TEST_F(MemoryLayers, AFullLayerIsTheMemoryWithHolesForZeros) {
  const UniqueFd memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), kLayeredBytes), 0);
  std::string wanted(kLayeredBytes, '\0');
  for (const std::uint64_t page : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255}, std::uint64_t{256},
                                   std::uint64_t{700}, kLayeredBytes / kPageBytes - 1}) {
    wanted.replace(page * kPageBytes, kPageBytes, page_of(static_cast<char>('a' + page % 26)));
  }
  ASSERT_EQ(::pwrite(memory.get(), wanted.data(), 2U << 20U, 0), 2 << 20);  // zeros as data
  ASSERT_EQ(::pwrite(memory.get(), wanted.data() + 700 * kPageBytes, kPageBytes, 700 * kPageBytes),
            static_cast<ssize_t>(kPageBytes));
  ASSERT_EQ(::pwrite(memory.get(), wanted.data() + kLayeredBytes - kPageBytes, kPageBytes,
                     kLayeredBytes - kPageBytes),
            static_cast<ssize_t>(kPageBytes));
  NoSteps quiet;
  ASSERT_TRUE(write_full_layer({}, memory.get(), path("full"), quiet).ok());
  EXPECT_EQ(*read_file(path("full"), kLayeredBytes), wanted);
  EXPECT_LE(*allocated_bytes(path("full")), 6 * kPageBytes + 65536);
  EXPECT_FALSE(path_exists(path(".full." + std::to_string(::getpid()) + ".new")));
}

TEST_F(MemoryLayers, ACancelledFullLayerLeavesNothing) {
  const UniqueFd memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), kLayeredBytes), 0);
  ASSERT_EQ(::pwrite(memory.get(), "x", 1, 0), 1);
  const CancelSource cancel;
  cancel.cancel();
  NoSteps quiet;
  EXPECT_EQ(write_full_layer({cancel.token(), {}}, memory.get(), path("full"), quiet).error().code(),
            Code::kCancelled);
  EXPECT_TRUE(list_directory(folder_.path())->empty());
}

TEST_F(MemoryLayers, PagesComeBackAsTheyWereGiven) {
  std::map<std::uint32_t, std::string> pages{
      {3, page_of('c')}, {4, page_of('d')}, {5, page_of('\0')}, {9, page_of('i')}};
  for (std::uint32_t page = 1000; page < 2000; ++page)
    pages[page] = page_of(static_cast<char>('A' + page % 26));
  const auto index = write(kFirst, pages);
  EXPECT_EQ(index.layers, std::vector<std::string>{kFirst});
  EXPECT_EQ(index.pages.size(), pages.size());
  EXPECT_EQ(*parse_page_index(encode_page_index(index)), index);
  EXPECT_EQ(*read(index), pages);
  struct stat info {};
  ASSERT_EQ(::stat(path(kFirst).c_str(), &info), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), (pages.size() - 1) * kPageBytes);  // but the zeros
}

TEST_F(MemoryLayers, OnlyPagesThatTheStateBeforeDoesNotHaveAreStored) {
  const auto first = write(kFirst, {{1, page_of('a')}, {2, page_of('b')}, {3, page_of('c')}});
  const auto second = write(kSecond, {{1, page_of('a')}, {2, page_of('B')}, {4, page_of('d')}}, &first);
  EXPECT_EQ(second.layers, (std::vector<std::string>{kFirst, kSecond}));
  EXPECT_EQ(*allocated_bytes(path(kSecond)), 2 * kPageBytes);
  EXPECT_EQ(*read(second),
            (std::map<std::uint32_t, std::string>{{1, page_of('a')}, {2, page_of('B')}, {4, page_of('d')}}));
  // Nothing of the first is left in the third, so it does not name it: the first can be deleted.
  const auto third = write(kThird, {{2, page_of('B')}, {4, page_of('d')}}, &second);
  EXPECT_EQ(third.layers, std::vector<std::string>{kSecond});
  EXPECT_FALSE(path_exists(path(kThird)));
  EXPECT_EQ(*read(third), (std::map<std::uint32_t, std::string>{{2, page_of('B')}, {4, page_of('d')}}));
}

TEST_F(MemoryLayers, DamageIsFoundBeforeAnythingIsBelieved) {
  const auto index = write(kFirst, {{1, page_of('a')}, {2, page_of('b')}});
  const auto fd = open_file(path(kFirst), O_RDWR).value();
  ASSERT_EQ(::pwrite(fd.get(), "!", 1, kPageBytes + 17), 1);
  const auto changed = read(index);
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code(), Code::kDataLoss);
  EXPECT_EQ(changed.error().message(), "page layer " + kFirst + ": the checksum of page 2 does not fit");
  ASSERT_EQ(::ftruncate(fd.get(), kPageBytes), 0);
  EXPECT_EQ(read(index).error().code(), Code::kDataLoss);
  ASSERT_TRUE(remove_tree(path(kFirst)).ok());
  EXPECT_EQ(read(index).error().code(), Code::kNotFound);
}

TEST_F(MemoryLayers, AWriterThatIsGivenUpLeavesNothing) {
  {
    auto writer =
        PageLayerWriter::create({.layer = path(kFirst), .layer_id = kFirst, .memory_bytes = kLayeredBytes});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->add(1, page_of('a')).ok());
  }
  EXPECT_TRUE(list_directory(folder_.path())->empty());
}

TEST_F(MemoryLayers, AFullLayerAndItsPagesBecomeOneNewFullLayer) {
  const UniqueFd memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), kLayeredBytes), 0);
  for (const std::uint32_t page : {1U, 2U, 7U})
    ASSERT_EQ(::pwrite(memory.get(), page_of('m').data(), kPageBytes, static_cast<off_t>(page * kPageBytes)),
              static_cast<ssize_t>(kPageBytes));
  const auto index = write(kFirst, {{2, page_of('\0')}, {3, page_of('c')}});
  NoSteps quiet;
  const auto open = [this](const std::string& id) { return open_file(path(id), O_RDONLY); };
  const auto merged = write_merged_layer({}, memory.get(), index, open, path("merged"), quiet);
  ASSERT_TRUE(merged.ok()) << merged.error().message();
  const auto bytes = read_file(path("merged"), kLayeredBytes + 1).value();
  ASSERT_EQ(bytes.size(), kLayeredBytes);
  const std::map<std::uint32_t, char> held{{1, 'm'}, {3, 'c'}, {7, 'm'}};
  for (std::uint32_t page = 0; page < kLayeredBytes / kPageBytes; ++page) {
    const auto expected = held.contains(page) ? page_of(held.at(page)) : page_of('\0');
    EXPECT_EQ(bytes.substr(page * kPageBytes, kPageBytes), expected) << page;
  }
}

TEST_F(MemoryLayers, PagesThatTheNewerFullLayerHoldsAreLeftOut) {
  const UniqueFd newer(::memfd_create("newer", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(newer.get(), kLayeredBytes), 0);
  ASSERT_EQ(::pwrite(newer.get(), page_of('a').data(), kPageBytes, kPageBytes),
            static_cast<ssize_t>(kPageBytes));
  auto writer = PageLayerWriter::create(
      {.layer = path(kFirst), .layer_id = kFirst, .memory_bytes = kLayeredBytes, .full_layer = newer.get()});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->add(1, page_of('a') + page_of('b') + page_of('\0')).ok());
  const auto index = writer->finish();
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(*read(*index), (std::map<std::uint32_t, std::string>{{2, page_of('b')}}));
}

}  // namespace
}  // namespace cove
