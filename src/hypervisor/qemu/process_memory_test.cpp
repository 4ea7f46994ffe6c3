#include "hypervisor/qemu/process_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>
#include <string>

#include "base/io.h"

namespace cove {
namespace {

constexpr std::size_t kMappedPage = 4096;
constexpr std::size_t kMappedPages = 600'000 / kMappedPage;
constexpr std::size_t kMappedBytes = kMappedPages * kMappedPage;

// A file of pages 'a', 'b', 'c', ..., and a child process that has it mapped privately and has written to
// some pages.
class ProcessMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    file_.reset(::memfd_create("memory", MFD_CLOEXEC));
    ASSERT_TRUE(file_.valid());
    std::string bytes;
    for (std::size_t i = 0; i < kMappedPages; ++i) bytes += std::string(kMappedPage, letter(i));
    ASSERT_TRUE(write_all({}, file_.get(), bytes).ok());
  }
  void TearDown() override {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  static char letter(std::size_t page) { return static_cast<char>('a' + page % 26); }

  // The child changes these pages, protects one (which splits the mapping), says so, and waits for its end.
  void start_child(const std::vector<std::size_t>& changed) {
    auto pipe = make_pipe();
    ASSERT_TRUE(pipe.ok());
    const auto& [ours, theirs] = *pipe;
    child_ = ::fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      auto* memory = static_cast<char*>(
          ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file_.get(), 0));
      for (const auto page : changed) memory[page * kMappedPage] = '!';
      static_cast<void>(*static_cast<volatile char*>(memory + 20 * kMappedPage));  // reading changes nothing
      ::mprotect(memory + 30 * kMappedPage, kMappedPage, PROT_READ);
      static_cast<void>(::write(theirs.get(), "x", 1));
      for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ours.get(), &byte, 1), 1);
  }

  UniqueFd file_;
  pid_t child_ = 0;
};

TEST_F(ProcessMemoryTest, TellsWhichPagesAreTheProcesssOwn) {
  start_child({0, 1, 2, 57, kMappedPages - 1});
  const auto memory = ProcessMemory::open(child_);
  ASSERT_TRUE(memory.ok()) << memory.error().message();
  const auto range = memory->find_mapping(file_.get());
  ASSERT_TRUE(range.ok()) << range.error().message();
  EXPECT_EQ(range->bytes, kMappedBytes);
  EXPECT_EQ(*memory->private_pages(*range),
            (std::vector<PageRun>{{0, 3}, {57, 1}, {static_cast<std::uint32_t>(kMappedPages - 1), 1}}));

  std::string page(2 * kMappedPage, '\0');
  ASSERT_TRUE(memory->read(range->start + 2 * kMappedPage, page).ok());
  EXPECT_EQ(page, "!" + std::string(kMappedPage - 1, letter(2)) + std::string(kMappedPage, letter(3)));
}

TEST_F(ProcessMemoryTest, WritesThatMakeAPagePrivateReachNobodyElse) {
  start_child({});
  const auto memory = ProcessMemory::open(child_);
  ASSERT_TRUE(memory.ok()) << memory.error().message();
  const auto range = *memory->find_mapping(file_.get());
  EXPECT_TRUE(memory->private_pages(range)->empty());
  // Also into the page that the process may not write to itself.
  ASSERT_TRUE(memory->write(range.start + 29 * kMappedPage, std::string(2 * kMappedPage, '#')).ok());
  EXPECT_EQ(*memory->private_pages(range), (std::vector<PageRun>{{29, 2}}));
  std::string there(2 * kMappedPage, '\0');
  ASSERT_TRUE(memory->read(range.start + 29 * kMappedPage, there).ok());
  EXPECT_EQ(there, std::string(2 * kMappedPage, '#'));
  char in_file = 0;
  ASSERT_EQ(::pread(file_.get(), &in_file, 1, 29 * kMappedPage), 1);
  EXPECT_EQ(in_file, letter(29));
}

TEST_F(ProcessMemoryTest, SaysWhatIsNotThere) {
  start_child({});
  const auto memory = ProcessMemory::open(child_);
  ASSERT_TRUE(memory.ok());
  const UniqueFd other(::memfd_create("other", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(other.get(), kMappedBytes), 0);
  EXPECT_EQ(memory->find_mapping(other.get()).error().code(), Code::kNotFound);
  std::string page(kMappedPage, '\0');
  EXPECT_FALSE(memory->read(0, page).ok());
  EXPECT_EQ(ProcessMemory::open(999'999'999).error().code(), Code::kNotFound);
  const auto range = *memory->find_mapping(file_.get());
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  child_ = 0;
  EXPECT_FALSE(memory->read(range.start, page).ok());
  EXPECT_FALSE(memory->write(range.start, page).ok());
  EXPECT_FALSE(memory->private_pages(range).ok());
}

}  // namespace
}  // namespace cove
