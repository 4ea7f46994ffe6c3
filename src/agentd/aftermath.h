// Aftermath: what follows a new identity by itself, on a thread of its own: everything goes to disk, an RSA
// host key is made, a DHCP lease is renewed. Owned by the agent's handlers; any thread. Its end gives up.
#pragma once

#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "base/guarded.h"
#include "base/thread.h"

namespace cove::agentd {

class Aftermath final {
 public:
  struct Work {
    enum class RsaKey : unsigned char { kNo, kMake };
    RsaKey rsa = RsaKey::kNo;
    enum class Journal : unsigned char { kStays, kMoves };
    Journal journal = Journal::kStays;
    std::string interface {};  // whose lease is renewed, if it has one; empty: none
  };

  explicit Aftermath(std::filesystem::path root);
  Aftermath(const Aftermath&) = delete;
  Aftermath& operator=(const Aftermath&) = delete;
  ~Aftermath();

  // An RSA key that is being made is made by this guest and by every other that was forked meanwhile, from
  // the same randomness: it is given up. True: there was one, and whoever asks now has to want it again.
  bool give_up_rsa_key();
  // After what was asked for before.
  void start(const Work& work);

 private:
  struct Job {
    Work work;
    CancelToken rsa;
  };
  void run(const Job& job);
  void make_rsa(const CancelToken& cancel);

  struct Now {
    bool rsa_due = false;
    CancelSource rsa;  // of the key that is due
  };
  std::filesystem::path root_;
  Guarded<Now> now_;
  CancelSource over_;
  Mailbox<Job> jobs_{16};
  Thread thread_;
};

}  // namespace cove::agentd
