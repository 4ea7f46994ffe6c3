#include "base/strays.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/io.h"
#include "base/process.h"
#include "base/strings.h"

namespace cove {
namespace {

// A shell in a group of its own, below it a program in a session of its own that says when it is there and
// holds the pipe open as long as it lives.
TEST(Strays, ASessionBelowTheProcessIsReached) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "setsid sh -c 'echo there; exec sleep 600' & wait"};
  options.descriptors = {{1, writer.get()}};
  options.session = SpawnOptions::Session::kNewGroup;
  auto shell = Process::spawn(options);
  ASSERT_TRUE(shell.ok());
  writer.reset();
  const OpContext patient{{}, Deadline::after(std::chrono::seconds(20))};
  char bytes[16];
  const auto there = read_some(patient, reader.get(), bytes);
  ASSERT_TRUE(there.ok() && *there > 0);

  Strays strays;
  strays.gather(shell->pid());
  shell->signal_group(SIGKILL);
  ASSERT_TRUE(shell->wait(patient).ok());
  strays.signal(SIGKILL);
  const auto gone = read_some(patient, reader.get(), bytes);
  ASSERT_TRUE(gone.ok()) << gone.error().message();
  EXPECT_EQ(*gone, 0U);
}

TEST(Strays, TheGroupItselfIsNotAmongThem) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "sleep 600 & wait"};
  options.session = SpawnOptions::Session::kNewGroup;
  auto shell = Process::spawn(options);
  ASSERT_TRUE(shell.ok());
  Strays strays;
  strays.gather(shell->pid());
  strays.signal(SIGKILL);
  EXPECT_FALSE(shell->try_wait());
  shell->signal_group(SIGKILL);
  const auto end = shell->wait({{}, Deadline::after(std::chrono::seconds(20))});
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->signal, SIGKILL);
}

}  // namespace
}  // namespace cove
