// StoreGraph: which objects of the store lead to which: a state to its disk nodes and layers of memory, a
// disk node to the node it stands on. Objects are called by their paths below COVE_HOME/store: "disk/<id>",
// "ram/<id>.img", "ram/<id>.pages", "states/<id>". Remembers what it has read: objects do not change what
// they lead to, except that a merge shortens a chain. One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "disk/disk_nodes.h"
#include "state/state_store.h"
#include "state/store_roots.h"

namespace cove {

using StoreObjects = std::set<std::string>;

std::string disk_object(const std::string& id);
std::string state_object(const std::string& id);

class StoreGraph {
 public:
  explicit StoreGraph(const Home& home) : nodes_(home.root()), store_(home.root()) {}

  // Each adds what is reached. Errors say which object could not be read, or is not there: what it leads to
  // cannot be known.
  enum class Absent : unsigned char { kIsError, kIsFine };
  Result<void> add_disk(const std::string& id, Absent absent, StoreObjects& reached);
  Result<void> add_state(const std::string& id, StoreObjects& reached);
  // An id of which only is known that somebody has spoken for it: it may be anything, and not be there.
  Result<void> add_spoken_for(const std::string& id, StoreObjects& reached);
  Result<void> add_present_disk(const VmRoots& vm, StoreObjects& reached);
  Result<void> add_all(const VmRoots& vm, StoreObjects& reached);

 private:
  void add_layer(const std::string& id, StoreObjects& reached) const;
  Result<StoreObjects> read_state(const std::string& id);

  DiskNodes nodes_;
  StateStore store_;
  std::map<std::string, std::optional<std::string>> below_;
  std::map<std::string, StoreObjects> states_;
};

}  // namespace cove
