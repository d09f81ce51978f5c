// hash_table: the chains of one part of a concurrent_map, without the types. Guarded by the part's lock.
//
// INV1 A link lies in the bucket that the highest bits of its hash name: buckets are in the order of the hashes. So a walk
//      that remembers up to which hash it has come goes on rightly after the table has grown or was cleared.
// INV2 No member throws or calls foreign code: a table that gets no memory keeps its size, and its chains grow longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gos::detail {

struct hash_link {
  explicit hash_link(std::uint64_t h) noexcept : hash(h) {}
  hash_link* next = nullptr;  // the table's
  const std::uint64_t hash;
};

// Spreads what std::hash gives, which is the number itself for integers, over all bits; different stays different.
constexpr std::uint64_t mixed_hash(std::uint64_t h) noexcept {
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdU;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53U;
  return h ^ (h >> 33);
}

class hash_table {
 public:
  hash_table() noexcept = default;
  hash_table(const hash_table&) = delete;
  hash_table& operator=(const hash_table&) = delete;

  // All links with this hash are in the list that begins here, among others.
  hash_link* chain(std::uint64_t hash) const noexcept { return buckets()[hash >> shift_]; }

  void insert(hash_link& link) noexcept;
  // False: it is not here.
  bool remove(hash_link& link) noexcept;
  bool replace(hash_link& link, hash_link& by) noexcept;
  void swap(hash_table& other) noexcept;

  // Calls take(link) for links with a hash of at least `from`, whole buckets at a time, until `enough` of them or of empty
  // buckets have been seen; moves `from` on. False: that was the last bucket.
  template <class Take> bool walk(std::uint64_t& from, std::size_t enough, Take take) const {
    std::size_t taken = 0;
    std::size_t looked = 0;
    for (std::size_t b = from >> shift_; b < count(); ++b) {
      for (hash_link* link = buckets()[b]; link != nullptr;) {
        hash_link& each = *link;
        link = link->next;
        if (each.hash < from) continue;
        take(each);
        ++taken;
      }
      if ((taken >= enough || ++looked >= buckets_at_once) && b + 1 < count()) {
        from = static_cast<std::uint64_t>(b + 1) << shift_;
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr std::size_t buckets_at_once = 1024;
  static constexpr unsigned first_shift = 63;

  std::size_t count() const noexcept { return std::size_t{1} << (64 - shift_); }
  hash_link* const* buckets() const noexcept { return many_ ? many_.get() : few_; }
  hash_link** buckets() noexcept { return many_ ? many_.get() : few_; }
  hash_link** place_of(const hash_link& link) noexcept;
  void grow() noexcept;

  unsigned shift_ = first_shift;
  std::size_t size_ = 0;
  std::unique_ptr<hash_link*[]> many_;  // null: few_ is enough
  hash_link* few_[2] = {};
};

// How many parts a map has on this machine: a power of two.
std::size_t map_parts() noexcept;

}  // namespace gos::detail
