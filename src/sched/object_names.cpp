// See object_names.hpp. Chains of nodes under one lock: names are given seldom, and are few.
#include "sched/object_names.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/spin.hpp"
#include "sched/sched.hpp"
#include "sched/wait_note.hpp"

namespace gos::rt {

namespace {

struct named {
  named* next = nullptr;
  const void* object = nullptr;
  char name[object_name_max + 1] = {};
};

constexpr std::size_t chains_bits = 8;

constinit spin_lock lock;
constinit named* chains[std::size_t{1} << chains_bits] = {};
constinit std::atomic<std::size_t> count{0};

named*& chain_of(const void* object) noexcept {
  const std::uint64_t hash = reinterpret_cast<std::uintptr_t>(object) * 0x9e3779b97f4a7c15U;
  return chains[hash >> (64 - chains_bits)];
}

// Under the lock: where the object's node hangs, or null where none does.
named*& find(const void* object) noexcept {
  named** at = &chain_of(object);
  while (*at != nullptr && (*at)->object != object) at = &(*at)->next;
  return *at;
}

// Under the lock.
std::unique_ptr<named> take_out(const void* object) noexcept {
  named*& at = find(object);
  std::unique_ptr<named> out(at);
  if (at != nullptr) {
    at = at->next;
    count.fetch_sub(1, std::memory_order_relaxed);  // relaxed: see object_name_forget()
  }
  return out;
}

}  // namespace

void object_name_set(const void* object, std::string_view name) {
  auto fresh = std::make_unique<named>();
  fresh->object = object;
  std::copy_n(name.data(), std::min(name.size(), object_name_max), fresh->name);
  std::unique_ptr<named> old;  // ended outside of the lock
  kernel_section kernel;
  spin_guard guard(lock);
  old = take_out(object);
  named*& chain = chain_of(object);
  fresh->next = chain;
  chain = fresh.release();
  count.fetch_add(1, std::memory_order_relaxed);  // relaxed: see object_name_forget()
}

void object_name_forget(const void* object) noexcept {
  // relaxed: who ends an object knows of all that was done with it, its naming too.
  if (count.load(std::memory_order_relaxed) == 0) return;
  std::unique_ptr<named> old;
  kernel_section kernel;
  spin_guard guard(lock);
  old = take_out(object);
}

bool object_name_copy(const void* object, char (&to)[object_name_max + 1]) noexcept {
  // relaxed: a hint; what is named at this very moment may be missed.
  if (count.load(std::memory_order_relaxed) == 0 || !lock_for_note(lock)) return false;
  const named* const node = find(object);
  if (node != nullptr) std::memcpy(to, node->name, sizeof to);
  lock.unlock();
  return node != nullptr;
}

}  // namespace gos::rt
