// local: the values of gos::goroutine_local, in a small open hash table at goroutine::locals.
//
// INV1 A table belongs to one goroutine (or plain thread) and only its owner reads or writes it, in user mode: no lock.
// INV2 Ids are never used twice, so a value of a goroutine_local that is gone is never mistaken for another's.
// INV3 Values are linked from the youngest to the oldest, which is the order of their destruction.
#include "api/local.hpp"

#include <gossamer/local.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "panic/body.hpp"
#include "sched/sched.hpp"

namespace gos {

namespace {

constexpr std::size_t first_capacity = 8;  // a power of two

struct local_table {
  struct entry {
    std::uint64_t id = 0;  // 0: free
    detail::local_value* value = nullptr;
  };

  std::size_t size = 0;  // entries with an id, also those whose value has been destroyed
  std::size_t capacity = first_capacity;
  std::unique_ptr<entry[]> entries = std::make_unique<entry[]>(first_capacity);
  detail::local_value* youngest = nullptr;

  // The entry of this id, or the free one where it belongs. At least one is free.
  entry& place(std::uint64_t id) const noexcept {
    std::size_t i = id & (capacity - 1);
    while (entries[i].id != id && entries[i].id != 0) i = (i + 1) & (capacity - 1);
    return entries[i];
  }

  void grow() {
    const std::unique_ptr<entry[]> old = std::exchange(entries, std::make_unique<entry[]>(capacity * 2));
    const std::size_t old_capacity = std::exchange(capacity, capacity * 2);
    for (std::size_t i = 0; i < old_capacity; ++i) {
      if (old[i].id != 0) place(old[i].id) = old[i];
    }
  }
};

local_table* table_of(const rt::goroutine* gp) noexcept { return static_cast<local_table*>(gp->locals); }

std::atomic<std::uint64_t> last_id{0};

}  // namespace

std::uint64_t detail::local_new_id() noexcept {
  // relaxed: ids are different, nothing more.
  return last_id.fetch_add(1, std::memory_order_relaxed) + 1;
}

detail::local_value* detail::local_find(std::uint64_t id) noexcept {
  const local_table* const table = table_of(rt::current_goroutine());
  return table == nullptr ? nullptr : table->place(id).value;
}

void detail::local_insert(std::uint64_t id, local_value* made) {
  std::unique_ptr<local_value> owned(made);
  rt::goroutine* const gp = rt::current_goroutine();
  if (gp->locals == nullptr) {
    gp->locals = new local_table;
    // A goroutine's end knows of its locals; a thread's has to be told.
    if ((gp->flags & rt::goroutine_flag::thread) != 0)
      gp->entry = [](rt::goroutine* thread) {
        rt::destroy_locals(thread);
        rt::release_panics(thread);
      };
  }
  local_table* const table = table_of(gp);
  if ((table->size + 1) * 4 > table->capacity * 3) table->grow();
  local_table::entry& entry = table->place(id);
  if (entry.id == 0) ++table->size;
  entry.id = id;
  entry.value = owned.release();
  made->id = id;
  made->older = std::exchange(table->youngest, made);
}

void rt::destroy_locals(goroutine* gp) noexcept {
  const std::unique_ptr<local_table> table(table_of(gp));
  if (table == nullptr) return;
  // The table stays in place: a destructor may use older values, or make new ones, which are the youngest then.
  while (table->youngest != nullptr) {
    const std::unique_ptr<detail::local_value> value(table->youngest);
    table->youngest = value->older;
    table->place(value->id).value = nullptr;
  }
  gp->locals = nullptr;
}

}  // namespace gos
