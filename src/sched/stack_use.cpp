// See stack_use.hpp.
//
// INV1 A place in the table is taken once, by its key, and keeps it; the numbers in it only grow. So the table needs no
//      lock: a goroutine that ends adds to it with a few relaxed operations, and a reader sees numbers that may not belong
//      together for a moment.
// INV2 A stack that is looked at may run, end and get another owner meanwhile: its memory is never unmapped, so a look
//      is always safe; what is found counts if the goroutine is still the same afterwards.
// Rejected: a fill pattern instead of zeroes: each stack would cost all of its pages.
#include "sched/stack_use.hpp"

#include <cstdio>

#include "sched/sched.hpp"
#include "sched/watch.hpp"

namespace gos::rt {

namespace {

constexpr std::uint64_t unknown_site = 1;  // of site_entry::key, in place of an address
constexpr std::uint64_t main_site = 2;
constexpr int class_shift = 58;  // addresses of programs are shorter
constexpr std::size_t table_size = 4096;

struct site_entry {
  std::atomic<std::uint64_t> key{0};  // INV1; 0: free
  std::atomic<std::uint64_t> goroutines{0};
  std::atomic<std::size_t> highest{0};
  std::atomic<std::uint64_t> highest_id{0};
};
site_entry table[table_size];

bool is_main(const goroutine* gp) noexcept { return gp->extra != nullptr && gp->extra->home != nullptr; }

std::uint64_t key_of(const goroutine* gp) noexcept {
  const auto pc = reinterpret_cast<std::uintptr_t>(gp->spawn_pc);
  const std::uint64_t site = is_main(gp) ? main_site : pc != 0 ? pc : unknown_site;
  return site | std::uint64_t{gp->stack_class} << class_shift;
}

stack_use_record record_of(std::uint64_t key) noexcept {
  const std::uint64_t site = key & ((std::uint64_t{1} << class_shift) - 1);
  stack_use_record record;
  record.main = site == main_site;
  if (site != main_site && site != unknown_site) record.spawn_pc = reinterpret_cast<void*>(static_cast<std::uintptr_t>(site));
  record.limit_bytes = std::size_t{1} << (key >> class_shift);
  return record;
}

// The place of the key, or null: the table is full.
site_entry* entry_of(std::uint64_t key) noexcept {
  std::size_t at = static_cast<std::size_t>(key * 0x9e3779b97f4a7c15ULL >> 40) % table_size;
  for (std::size_t looked = 0; looked < table_size; ++looked, at = (at + 1) % table_size) {
    std::uint64_t found = table[at].key.load(std::memory_order_relaxed);  // relaxed, both: nothing is published with a key
    if (found == 0 && table[at].key.compare_exchange_strong(found, key, std::memory_order_relaxed, std::memory_order_relaxed)) {
      return &table[at];
    }
    if (found == key) return &table[at];
  }
  return nullptr;
}

// True when it has grown. relaxed, all: a maximum, nothing is published with it.
bool raise(std::atomic<std::size_t>& highest, std::size_t bytes) noexcept {
  std::size_t before = highest.load(std::memory_order_relaxed);
  while (before < bytes) {
    if (highest.compare_exchange_weak(before, bytes, std::memory_order_relaxed, std::memory_order_relaxed)) return true;
  }
  return false;
}

std::size_t noted(const goroutine* gp) noexcept {
  if (gp->extra == nullptr || gp->extra->watch == nullptr) return 0;
  return gp->extra->watch->stack_high.load(std::memory_order_relaxed);  // relaxed: a number
}

std::size_t larger(std::size_t a, std::size_t b) noexcept { return a > b ? a : b; }

void visit_living(const goroutine* gp, void (*visit)(const stack_use_record&, void*), void* argument) {
  // relaxed, all: a look; INV2.
  if (gp->state.load(std::memory_order_relaxed) == goroutine_state::dead) return;
  const std::uint64_t id = __atomic_load_n(&gp->id, __ATOMIC_RELAXED);
  std::byte* const base = __atomic_load_n(&gp->stack_base, __ATOMIC_RELAXED);
  if (base == nullptr) return;
  stack_slot slot;
  if (!stack_find(base, &slot, nullptr) || slot.base != base) return;
  stack_use_record record = record_of(key_of(gp));
  record.goroutines = 1;
  record.highest_id = id;
  record.highest_bytes = larger(stack_used(slot), noted(gp));
  const bool same = gp->state.load(std::memory_order_relaxed) != goroutine_state::dead &&
                    __atomic_load_n(&gp->id, __ATOMIC_RELAXED) == id &&
                    __atomic_load_n(&gp->stack_base, __ATOMIC_RELAXED) == base && slot.size == record.limit_bytes;
  if (same) visit(record, argument);
}

}  // namespace

void stack_advice(char* out, std::size_t size, std::size_t limit_bytes, bool main) noexcept {
  const std::size_t wanted = limit_bytes * 2;
  if (main) {
    std::snprintf(out, size, "main's stack is fixed: go so deep in a goroutine of its own, gos::spawn_options{.stack_size = %zu}", wanted);
  } else if (limit_bytes >= stack_size_max) {
    std::snprintf(out, size, "there is no larger stack: is the recursion endless?");
  } else if (limit_bytes != std::size_t{1} << sched.stack_class) {
    std::snprintf(out, size, "raise its limit where it is spawned: gos::spawn_options{.stack_size = %zu}", wanted);
  } else {
    std::snprintf(out, size, "raise its limit where it is spawned, gos::spawn_options{.stack_size = %zu}, or everybody's with "
                  "GOS_STACK_SIZE=%zu", wanted, wanted);
  }
}

bool stack_use_exact() noexcept { return (sched.watched & watch_option::stack_use) != 0; }

void stack_use_begins(goroutine* gp) noexcept {
  const stack_slot slot = gp->stack();
  // What the first page holds of the last user goes by hand, so that it need not come again; the others are given back.
  std::byte* const last = slot.top() - stack_guard_bytes();  // a page
  stack_release_pages(slot.low(), last);
  for (auto* word = reinterpret_cast<volatile std::uint64_t*>(last); word < reinterpret_cast<std::uint64_t*>(slot.top()); ++word) {
    *word = 0;
  }
}

void stack_use_ends(goroutine* gp) noexcept {
  const std::size_t bytes = larger(stack_used(gp->stack()), noted(gp));
  site_entry* entry = entry_of(key_of(gp));
  if (entry == nullptr) return;
  // relaxed, both: numbers.
  entry->goroutines.fetch_add(1, std::memory_order_relaxed);
  if (raise(entry->highest, bytes)) entry->highest_id.store(gp->id, std::memory_order_relaxed);
}

void stack_use_shrinks(goroutine* gp) noexcept { raise(gp->extra->watch->stack_high, stack_used(gp->stack())); }

void stack_use_visit(void (*visit)(const stack_use_record& record, void* argument), void* argument) {
  for (const site_entry& entry : table) {
    // relaxed, all: INV1.
    const std::uint64_t key = entry.key.load(std::memory_order_relaxed);
    if (key == 0) continue;
    stack_use_record record = record_of(key);
    record.goroutines = entry.goroutines.load(std::memory_order_relaxed);
    record.highest_bytes = entry.highest.load(std::memory_order_relaxed);
    record.highest_id = entry.highest_id.load(std::memory_order_relaxed);
    visit(record, argument);
  }
  const std::size_t capacity = goroutine_capacity();
  for (std::size_t index = 0; index < capacity; ++index) visit_living(goroutine_at(index), visit, argument);
}

}  // namespace gos::rt
