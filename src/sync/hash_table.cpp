// hash_table: see include/gossamer/detail/hash_table.hpp; and why concurrent_map is what it is.
//
// Measured against one std::unordered_map under one shared_mutex, processor time per operation on two busy processors,
// 1000 keys: loads of an int 29 and 27 ns by one goroutine, the same by two; half stores by eight goroutines 83 and
// 137 ns, by one 53 and 27, since each store makes a record. With strings a load pays two atomic additions for the
// counted record: 64 and 43 ns.
// Rejected: values changed in place, which would copy, compare and destroy them under the lock, so that none of these
// could use the map; a lock-free trie as Go's, whose readers need hazard pointers where Go has a collector.
#include <gossamer/detail/hash_table.hpp>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "platform/thread.hpp"

namespace gos::detail {

void hash_table::insert(hash_link& link) noexcept {
  if (size_ >= count()) grow();
  hash_link*& first = buckets()[link.hash >> shift_];
  link.next = first;
  first = &link;
  ++size_;
}

// What points to the link, or to null at the end of its chain.
hash_link** hash_table::place_of(const hash_link& link) noexcept {
  hash_link** at = &buckets()[link.hash >> shift_];
  while (*at != nullptr && *at != &link) at = &(*at)->next;
  return at;
}

bool hash_table::remove(hash_link& link) noexcept {
  hash_link** const at = place_of(link);
  if (*at == nullptr) return false;
  *at = link.next;
  --size_;
  return true;
}

bool hash_table::replace(hash_link& link, hash_link& by) noexcept {
  GOS_ASSERT(link.hash == by.hash);
  hash_link** const at = place_of(link);
  if (*at == nullptr) return false;
  by.next = link.next;
  *at = &by;
  return true;
}

void hash_table::swap(hash_table& other) noexcept {
  std::swap(shift_, other.shift_);
  std::swap(size_, other.size_);
  std::swap(many_, other.many_);
  std::swap(few_, other.few_);
}

void hash_table::grow() noexcept {
  const std::size_t wider = count() * 2;
  std::unique_ptr<hash_link*[]> made(new (std::nothrow) hash_link* [wider] {});
  if (made == nullptr) return;
  for (std::size_t b = 0; b < count(); ++b) {
    for (hash_link* link = buckets()[b]; link != nullptr;) {
      hash_link* const next = link->next;
      hash_link*& first = made[link->hash >> (shift_ - 1)];
      link->next = first;
      first = link;
      link = next;
    }
  }
  many_ = std::move(made);
  --shift_;
}

std::size_t map_parts() noexcept {
  const auto wanted = static_cast<std::size_t>(rt::cpu_count()) * 4;
  return std::bit_ceil(std::clamp<std::size_t>(wanted, 8, 256));
}

}  // namespace gos::detail
