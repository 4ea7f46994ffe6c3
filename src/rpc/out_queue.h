// OutQueue: bytes on their way to a descriptor, large bodies by reference. Owned by a Session; not
// synchronised.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace cove::rpc {

enum class Flushed : unsigned char { kAll, kBlocked, kBroken };

class OutQueue final {
 public:
  void append(std::string_view bytes);
  // `slice` lies within *owner, which is kept until the bytes are gone. Small slices are copied.
  void append(const std::shared_ptr<const std::string>& owner, std::string_view slice);
  std::size_t bytes() const { return bytes_; }
  void clear();
  // Writes without blocking. kBroken: errno says why.
  Flushed flush(int fd);

 private:
  struct Piece {
    std::string copy;
    std::shared_ptr<const std::string> owner;
    std::string_view slice;  // of *owner
    std::string_view view() const { return owner ? slice : std::string_view(copy); }
  };
  void drop_front(std::size_t count);

  std::deque<Piece> pieces_;
  std::size_t front_offset_ = 0;  // bytes of the first piece that are gone
  std::size_t bytes_ = 0;
};

}  // namespace cove::rpc
