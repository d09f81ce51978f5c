// concurrent_map: a hash map that all may use at once.
//
//   gos::concurrent_map<std::string, int> ports;
//   ports.store("http", 80);
//   auto [port, was_there] = ports.load_or_store("https", 443);
//   if (std::optional<int> found = ports.load("http")) use(*found);
//   ports.range([&](const std::string& name, int number) {
//     if (number == 0) ports.erase(name);              // may call any method
//     return number < 1024;                            // false ends it; a void function sees all
//   });
//
// Each operation is atomic and has the effect that it would have on a plain map under one lock; clear, too. All members
// may be called from any goroutine or plain thread at the same time.
//
// How. Keys are spread over parts (four for each processor), each with a reader-writer lock. An entry is a counted,
// immutable record; changing a value replaces the record. So values are copied, compared and destroyed outside of all
// locks, except that trivially copyable values are copied under a reader's lock.
//
// What runs under a part's lock: Equal, on keys with the same hash, and Hash never. Equal must not use the same map, and
// should not wait. Everything else of yours (Hash, copies, moves and destructors of keys and values, == of values, the
// callback of range) runs outside, and may use the map. Tables grow, and shrink at clear only.
//
// V must be copyable: keep what is not in a shared_ptr; K only for compare_and_swap. load, and a load_or_store that finds
// something, take a reader's lock only; so readers of different keys seldom meet, and readers of one key share its part's
// lock word.
// Lifetime: whoever uses the map must have returned before it is destroyed.
// Ordering: a write happens before a read that sees it.
//
// Source: Go sync/map.go; contract MP-01..MP-03, MM-09.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include <gossamer/detail/hash_table.hpp>
#include <gossamer/shared_mutex.hpp>

namespace gos {

template <class K, class V, class Hash = std::hash<K>, class Equal = std::equal_to<K>> class concurrent_map {
  static_assert(std::copy_constructible<V>, "load gives a copy: V must be copyable");

 public:
  concurrent_map() : concurrent_map(Hash()) {}
  explicit concurrent_map(Hash hash, Equal equal = Equal())
      : hash_(std::move(hash)),
        equal_(std::move(equal)),
        count_(detail::map_parts()),
        parts_(std::make_unique<part[]>(count_)) {}
  concurrent_map(const concurrent_map&) = delete;
  concurrent_map& operator=(const concurrent_map&) = delete;
  ~concurrent_map() {
    for (std::size_t i = 0; i < count_; ++i) drop_all(parts_[i].table);
  }

  // A copy of the value, if the key is there.
  std::optional<V> load(const K& key) const {
    const std::uint64_t hash = hash_of(key);
    const part& in = part_of(hash);
    if constexpr (copied_under_lock) {
      const std::shared_lock reading(in.lock);
      const entry* const found = find(in, hash, key);
      return found == nullptr ? std::nullopt : std::optional<V>(found->value);
    } else {
      const entry_ref found = share(in, hash, key);
      return found ? std::optional<V>(found->value) : std::nullopt;
    }
  }

  // Sets the value.
  void store(K key, V value) { put(std::move(key), std::move(value)); }

  // The value that is there, and true; if there is none, sets it to this one and returns that, and false.
  std::pair<V, bool> load_or_store(K key, V value) {
    const std::uint64_t hash = hash_of(key);
    part& in = part_of(hash);
    if (const entry_ref there = share(in, hash, key)) return {there->value, true};
    const entry_ref made(new entry(hash, std::move(key), std::move(value)));
    entry_ref there;
    {
      const std::lock_guard writing(in.lock);
      there = entry_ref::shared(find(in, hash, made->key));
      if (!there) in.table.insert(*made.counted());
    }
    if (there) return {there->value, true};
    return {made->value, false};
  }

  // Removes the key, and returns its value if it was there.
  std::optional<V> load_and_delete(const K& key) { return remove(key).take(); }

  // Removes the key, if it is there.
  void erase(const K& key) { remove(key); }

  // Sets the value, and returns the one before if there was one.
  std::optional<V> swap(K key, V value) { return put(std::move(key), std::move(value)).take(); }

  // Sets the value if the key is there with a value equal to old_value; else false, and nothing is changed.
  bool compare_and_swap(const K& key, const V& old_value,
                        V new_value) requires std::equality_comparable<V> && std::copy_constructible<K> {
    const std::uint64_t hash = hash_of(key);
    part& in = part_of(hash);
    entry_ref made;
    // Values are compared outside of the lock: under it, what was compared must still be there, or all begins again.
    while (const entry_ref seen = share(in, hash, key)) {
      if (!static_cast<bool>(seen->value == old_value)) return false;
      if (!made) made = entry_ref(new entry(hash, K(key), std::move(new_value)));
      const std::lock_guard writing(in.lock);
      if (!in.table.replace(*seen, *made)) continue;
      made.release();
      seen.uncount();
      return true;
    }
    return false;
  }

  // Removes the key if it is there with a value equal to old_value; else false, and nothing is changed.
  bool compare_and_delete(const K& key, const V& old_value) requires std::equality_comparable<V> {
    const std::uint64_t hash = hash_of(key);
    part& in = part_of(hash);
    while (const entry_ref seen = share(in, hash, key)) {
      if (!static_cast<bool>(seen->value == old_value)) return false;
      const std::lock_guard writing(in.lock);
      if (!in.table.remove(*seen)) continue;
      seen.uncount();
      return true;
    }
    return false;
  }

  // Removes everything, at one instant.
  void clear() {
    const auto old = std::make_unique<detail::hash_table[]>(count_);
    // In their order; nobody else holds two.
    for (std::size_t i = 0; i < count_; ++i) parts_[i].lock.lock();
    for (std::size_t i = 0; i < count_; ++i) parts_[i].table.swap(old[i]);
    for (std::size_t i = 0; i < count_; ++i) parts_[i].lock.unlock();
    for (std::size_t i = 0; i < count_; ++i) drop_all(old[i]);
  }

  // Calls f(key, value) for the entries, until it returns false; an f without result sees all. Each key at most once; each
  // that is there all the time, exactly once; others perhaps. Not a snapshot: a value is from some moment of the call.
  // No lock is held while f runs: it may call any method, also range, and wait; nobody waits for it.
  template <class F>
  requires std::invocable<F&, const K&, const V&>
  void range(F&& f) const {
    std::vector<entry_ref> some;
    for (std::size_t i = 0; i < count_; ++i) {
      std::uint64_t from = 0;
      for (bool more = true; more;) {
        some.clear();
        {
          const std::shared_lock reading(parts_[i].lock);
          more = parts_[i].table.walk(from, entries_at_once, [&](detail::hash_link& link) {
            some.push_back(entry_ref::shared(static_cast<entry*>(&link)));
          });
        }
        for (const entry_ref& each : some) {
          if (!goes_on(f, *each)) return;
        }
      }
    }
  }

 private:
  static constexpr bool copied_under_lock = std::is_trivially_copyable_v<V> && sizeof(V) <= 64;
  static constexpr std::size_t entries_at_once = 64;

  // Key and value do not change from the insertion to the removal. Counted by the table and by those who look at it.
  struct entry : detail::hash_link {
    entry(std::uint64_t hash, K&& k, V&& v) : hash_link(hash), key(std::move(k)), value(std::move(v)) {}
    std::atomic<std::uint32_t> references{1};
    const K key;
    V value;
  };

  // One reference to an entry, or none. Dropping the last one runs destructors: never under a lock.
  class entry_ref {
   public:
    entry_ref() noexcept = default;
    explicit entry_ref(entry* counted) noexcept : entry_(counted) {}
    entry_ref(entry_ref&& other) noexcept : entry_(other.release()) {}
    entry_ref& operator=(entry_ref&& other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~entry_ref() {
      if (entry_ != nullptr && drop()) delete entry_;
    }

    // One more, to an entry that lives: the part's lock is held, or the caller has one.
    static entry_ref shared(entry* e) noexcept {
      // relaxed: a count goes up only where another keeps the entry.
      if (e != nullptr) e->references.fetch_add(1, std::memory_order_relaxed);
      return entry_ref(e);
    }

    entry& operator*() const noexcept { return *entry_; }
    entry* operator->() const noexcept { return entry_; }
    explicit operator bool() const noexcept { return entry_ != nullptr; }
    entry* release() noexcept { return std::exchange(entry_, nullptr); }
    // A reference more, for the table.
    entry* counted() const noexcept { return shared(entry_).release(); }
    // A reference less, the table's; this one stays.
    void uncount() const noexcept { drop(); }

    // The value of an entry that is in no table any more: moved if nobody else looks at it.
    std::optional<V> take() {
      if (entry_ == nullptr) return std::nullopt;
      // acquire: pairs with drop(): those who looked at it have done so.
      if (entry_->references.load(std::memory_order_acquire) == 1) return std::move(entry_->value);
      return std::optional<V>(std::as_const(entry_->value));
    }

   private:
    // True: that was the last.
    bool drop() const noexcept {
      // acq_rel: pairs with itself, and with take(): the last one sees that all others are done with the entry.
      return entry_->references.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

    entry* entry_ = nullptr;
  };

  struct alignas(64) part {
    mutable shared_mutex lock;
    detail::hash_table table;  // of entries; guarded by lock
  };

  std::uint64_t hash_of(const K& key) const {
    return detail::mixed_hash(static_cast<std::uint64_t>(hash_(key)));
  }
  // By the lowest bits: the table looks at the highest.
  part& part_of(std::uint64_t hash) const { return parts_[hash & (count_ - 1)]; }

  // The lock is held, for reading at least.
  entry* find(const part& in, std::uint64_t hash, const K& key) const {
    for (detail::hash_link* link = in.table.chain(hash); link != nullptr; link = link->next) {
      if (link->hash != hash) continue;
      entry* const candidate = static_cast<entry*>(link);
      if (static_cast<bool>(equal_(candidate->key, key))) return candidate;
    }
    return nullptr;
  }

  entry_ref share(const part& in, std::uint64_t hash, const K& key) const {
    const std::shared_lock reading(in.lock);
    return entry_ref::shared(find(in, hash, key));
  }

  // Sets the value; returns what it replaced.
  entry_ref put(K&& key, V&& value) {
    const std::uint64_t hash = hash_of(key);
    part& in = part_of(hash);
    entry_ref made(new entry(hash, std::move(key), std::move(value)));
    const std::lock_guard writing(in.lock);
    entry* const old = find(in, hash, made->key);
    if (old == nullptr) in.table.insert(*made.release());
    else in.table.replace(*old, *made.release());
    return entry_ref(old);
  }

  entry_ref remove(const K& key) {
    const std::uint64_t hash = hash_of(key);
    part& in = part_of(hash);
    const std::lock_guard writing(in.lock);
    entry* const old = find(in, hash, key);
    if (old != nullptr) in.table.remove(*old);
    return entry_ref(old);
  }

  template <class F> static bool goes_on(F& f, const entry& e) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const K&, const V&>>) {
      std::invoke(f, e.key, e.value);
      return true;
    } else {
      return static_cast<bool>(std::invoke(f, e.key, e.value));
    }
  }

  // The table's references, of a table that nobody else sees. Runs destructors.
  static void drop_all(const detail::hash_table& table) noexcept {
    std::uint64_t from = 0;
    while (table.walk(from, entries_at_once,
                      [](detail::hash_link& link) { entry_ref(static_cast<entry*>(&link)); })) {}
  }

  [[no_unique_address]] const Hash hash_;
  [[no_unique_address]] const Equal equal_;
  const std::size_t count_;
  const std::unique_ptr<part[]> parts_;
};

}  // namespace gos
