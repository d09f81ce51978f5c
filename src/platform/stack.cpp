// stack: slots cut from large reservations.
//
// A size class has one open arena at a time, from which slots are taken in order; a full arena is left as it is and a larger one
// reserved: 1 GiB at first, then four times as much each time, up to 64 GiB; less where the process's address space is limited.
// An arena is address space without access (so it costs nothing, also where the kernel does strict accounting of memory),
// opened for reading and writing in large pieces as slots are handed out; with installed guards the open part stays one mapping.
//
// Guards are installed for all slots of a batch by one process_madvise where the kernel allows it, else one by one; so are the pages
// of many stacks given back.
//
// Invariants. (1) arenas[0, arena_count) are never changed but in their atomics and the fields under `arena_lock`; stack_find()
// reads them without it. (2) Slots [0, next) of an arena are open, and handed out, or lost to a guard that failed. (3) Slots from
// first_unguarded on have no guard; those before it have one by the time that stack_map() returns them. (4) An arena's guard kind
// only weakens: install, mprotect, none. Guards that are installed need no lock; the others are made under it, since they change
// the arena's mappings or (3).
//
// Rejected: one mapping per stack (the kernel allows 65 530, and each costs a tree node in every page fault); unmapping
// (a page-table shootdown on all CPUs, and addresses in a signal handler would become ambiguous).
#include "platform/stack.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>

#include "base/assert.hpp"
#include "base/race.hpp"
#include "platform/environment.hpp"
#include "platform/futex.hpp"
#include "platform/syscall.hpp"

namespace gos::rt {

namespace stack_impl {
std::atomic<bool> unguarded_exist{false};
}

namespace {

constexpr std::size_t arena_bytes_first = std::size_t{1} << 30;
constexpr std::size_t arena_bytes_max = std::size_t{64} << 30;
constexpr std::size_t commit_bytes = std::size_t{64} << 20;
constexpr int arena_count_max = 1024;
constexpr std::size_t class_count = 32;
// The strip under the stack of an unguarded slot that must stay zero. A strip of zeroes costs no memory (looking at it maps the
// kernel's zero page), and a stack that grows over it leaves at least one return address in it.
constexpr std::size_t canary_bytes = 512;

enum class guard_kind : std::uint8_t { install, mprotect, none };

struct arena {
  // Immutable once published.
  std::byte* base = nullptr;
  std::size_t slot_size = 0;
  std::size_t slot_count = 0;
  // Under `arena_lock`.
  std::size_t open_bytes = 0;
  guard_kind guard = guard_kind::install;
  // Written under `arena_lock`, read by stack_find().
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> first_unguarded{SIZE_MAX};
};

// A lock that sleeps: system calls happen under it. 0 free, 1 held, 2 held and somebody may sleep.
class sleeping_lock {
 public:
  void lock() noexcept {
    std::uint32_t state = 0;
    // acquire: pairs with: the exchange in unlock(). relaxed: a failure only tells that it is taken.
    if (word_.compare_exchange_strong(state, 1, std::memory_order_acquire, std::memory_order_relaxed)) return;
    // acquire: pairs with: the exchange in unlock().
    while (word_.exchange(2, std::memory_order_acquire) != 0) futex_wait(word_, 2);
  }
  void unlock() noexcept {
    // release: pairs with: the acquiring operations in lock().
    if (word_.exchange(0, std::memory_order_release) == 2) futex_wake(word_, 1);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

class lock_scope {
 public:
  explicit lock_scope(sleeping_lock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~lock_scope() { lock_.unlock(); }
  lock_scope(const lock_scope&) = delete;
  lock_scope& operator=(const lock_scope&) = delete;

 private:
  sleeping_lock& lock_;
};

arena arenas[arena_count_max];
std::atomic<int> arena_count{0};

sleeping_lock arena_lock;
// Under `arena_lock`: per class the open arena and the size of the next.
arena* open_arena[class_count];
std::size_t next_arena_bytes[class_count];
// Under `arena_lock`: mprotect guards made so far, and the number of mappings that the kernel allows (0 before it is known).
std::size_t mprotect_guards = 0;
std::size_t map_count_max = 0;
std::size_t unguarded_slots = 0;

std::size_t page_size() noexcept {
  static const std::size_t size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// The size class: log2 of the slot size.
std::size_t class_of(std::size_t slot_size) noexcept {
  return static_cast<std::size_t>(std::bit_width(slot_size) - 1) % class_count;
}

// Read before the first stack exists, so that signal handlers find it ready.
const std::size_t guard_bytes_at_start = page_size();

// What the kernel allows this process in mappings (vm.max_map_count).
std::size_t read_map_count_max() noexcept {
  constexpr std::size_t kernel_default = 65530;
  const int fd = ::open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return kernel_default;
  char text[32];
  const ssize_t length = ::read(fd, text, sizeof text);
  ::close(fd);
  std::size_t value = 0;
  if (length <= 0 || std::from_chars(text, text + length, value).ec != std::errc()) return kernel_default;
  return value;
}

// The size of the first attempt at a reservation: with a limit on address space, only a small part of it, since everything
// else in the process needs it too.
std::size_t reservation_limit() noexcept {
  rlimit limit;
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return arena_bytes_max;
  return std::bit_floor(static_cast<std::size_t>(limit.rlim_cur / 16) | 1);
}

// Reserves `bytes` (a multiple of `alignment`) without access.
std::byte* reserve_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  const std::size_t slack = alignment > page_size() ? alignment : 0;
  void* memory = ::mmap(nullptr, bytes + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* start = static_cast<std::byte*>(memory);
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  const std::size_t skipped = (alignment - address % alignment) % alignment;
  if (skipped != 0) ::munmap(start, skipped);
  if (slack != skipped) ::munmap(start + skipped + bytes, slack - skipped);
  return start + skipped;
}

// REQUIRES arena_lock. Makes the first `bytes` of the arena readable and writable.
bool open_up_to(arena& from, std::size_t bytes) noexcept {
  if (bytes <= from.open_bytes) return true;
  const std::size_t all = from.slot_size * from.slot_count;
  // A large piece at a time, or, where memory is accounted strictly and nearly gone, just what is needed.
  for (const std::size_t target : {std::min(all, std::max(bytes, from.open_bytes + commit_bytes)), bytes}) {
    if (::mprotect(from.base + from.open_bytes, target - from.open_bytes, PROT_READ | PROT_WRITE) == 0) {
      ::madvise(from.base + from.open_bytes, target - from.open_bytes, MADV_DODUMP);
      from.open_bytes = target;
      return true;
    }
  }
  return false;
}

// Asks the kernel to read a path there: it refuses with EFAULT where an access of ours would be a fault. Emulators (qemu) say
// yes to advice that they do not know.
bool faults_on_access(const std::byte* address) noexcept {
  return ::syscall(SYS_faccessat, AT_FDCWD, address, F_OK) < 0 && errno == EFAULT;
}

// REQUIRES arena_lock. The best guard that the kernel offers for a new arena.
guard_kind strongest_guard(arena& fresh) noexcept {
  if (debug_flag("noguards")) return guard_kind::none;
  if (debug_flag("mprotectguards")) return guard_kind::mprotect;
  const bool installs = open_up_to(fresh, fresh.slot_size) &&
                        ::madvise(fresh.base, page_size(), madv_guard_install) == 0 && faults_on_access(fresh.base);
  return installs ? guard_kind::install : guard_kind::mprotect;
}

// REQUIRES arena_lock. A new open arena for the class, or null.
arena* reserve_arena(std::size_t slot_size) noexcept {
  // relaxed: written under the lock only.
  const int index = arena_count.load(std::memory_order_relaxed);
  if (index == arena_count_max) return nullptr;
  std::size_t& wanted = next_arena_bytes[class_of(slot_size)];
  if (wanted == 0) wanted = std::min(std::max(arena_bytes_first, slot_size * 16), reservation_limit());
  std::size_t bytes = std::max(wanted, slot_size);
  std::byte* base = reserve_aligned(bytes, slot_size);
  while (base == nullptr && bytes / 2 >= slot_size) {
    bytes /= 2;
    base = reserve_aligned(bytes, slot_size);
  }
  if (base == nullptr) return nullptr;
  wanted = std::min({bytes * 4, arena_bytes_max, std::max(reservation_limit(), slot_size)});
  // With transparent huge pages for everybody, the first touch of a stack would cost 2 MiB. EINVAL: a kernel without them.
  ::madvise(base, bytes, MADV_NOHUGEPAGE);
  // Core files have what is open only: a debugger writes all of a mapping, access or not.
  ::madvise(base, bytes, MADV_DONTDUMP);
#ifdef PR_SET_VMA
  ::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, base, bytes, "goroutine stacks");
#endif
  arena& fresh = arenas[index];
  fresh.base = base;
  fresh.slot_size = slot_size;
  fresh.slot_count = bytes / slot_size;
  fresh.guard = strongest_guard(fresh);
  // release: pairs with: the load in find_arena(), which then sees the arena complete.
  arena_count.store(index + 1, std::memory_order_release);
  return &fresh;
}

// REQUIRES arena_lock. From slot `index` on the arena's slots have no guard.
void give_up_guards(arena& from, std::size_t index) noexcept {
  from.guard = guard_kind::none;
  // release: pairs with: the loads in stack_find() and canary_intact_slow().
  from.first_unguarded.store(index, std::memory_order_release);
  // relaxed: reaches the users of unguarded slots with the slot, see stack_canary_intact().
  if (stack_impl::unguarded_exist.exchange(true, std::memory_order_relaxed)) return;
  char text[256];
  const int length = std::snprintf(text, sizeof text,
                                   "gossamer: no more guard pages for goroutine stacks after %zu (vm.max_map_count=%zu); "
                                   "further stacks have only a canary\n",
                                   mprotect_guards, map_count_max);
  if (length > 0 && ::write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0) return;
}

// REQUIRES arena_lock. Guards slots [first, first + count) with mprotect as long as that works.
void guard_by_mprotect(arena& from, std::size_t first, std::size_t count) noexcept {
  if (map_count_max == 0) map_count_max = read_map_count_max();
  // Each guard makes two mappings; an eighth of them stays for everybody else.
  const std::size_t guards_max = map_count_max / 2 - map_count_max / 16;
  for (std::size_t index = first; index < first + count; ++index) {
    if (from.guard == guard_kind::mprotect && mprotect_guards < guards_max &&
        ::mprotect(from.base + index * from.slot_size, page_size(), PROT_NONE) == 0) {
      ++mprotect_guards;
      continue;
    }
    // relaxed: written under the lock only.
    if (from.first_unguarded.load(std::memory_order_relaxed) == SIZE_MAX) give_up_guards(from, index);
    ++unguarded_slots;
  }
}

// Slots just taken from an arena; `to_install` tells that they still want their guards, without the lock.
struct slot_batch {
  arena* from = nullptr;
  std::size_t first = 0;
  std::size_t count = 0;
  bool to_install = false;
};

// REQUIRES arena_lock. Takes up to `count` slots from the class's open arena; none when memory is exhausted.
slot_batch take_slots(std::size_t size, std::size_t count) noexcept {
  arena*& from = open_arena[class_of(size)];
  // relaxed (all three): `next` is written under the lock only, and a reader without the lock needs no more than the number.
  if (from == nullptr || from->next.load(std::memory_order_relaxed) == from->slot_count) {
    arena* fresh = reserve_arena(size);
    if (fresh == nullptr) return {};
    from = fresh;
  }
  const std::size_t first = from->next.load(std::memory_order_relaxed);
  count = std::min(count, from->slot_count - first);
  if (!open_up_to(*from, (first + count) * size)) {
    count = 1;
    if (!open_up_to(*from, (first + 1) * size)) return {};
  }
  if (from->guard != guard_kind::install) guard_by_mprotect(*from, first, count);
  from->next.store(first + count, std::memory_order_relaxed);
  return {from, first, count, from->guard == guard_kind::install};
}

// Installs the guard of a slot. False when the kernel no longer does it for this arena (its memory has been locked, say); the
// slot is then lost, and later ones are guarded otherwise.
bool install_guard(arena& from, std::byte* base) noexcept {
  if (::madvise(base, page_size(), madv_guard_install) == 0) return true;
  lock_scope scope(arena_lock);
  if (from.guard == guard_kind::install) from.guard = guard_kind::mprotect;
  return false;
}

// For process_madvise, or negative. In a child after fork it still names the parent, on which what is asked here is refused.
int own_process() noexcept {
  static const int descriptor = static_cast<int>(sys_pidfd_open(::getpid()));
  return descriptor;
}

// Installs the guards of all slots of a batch in one system call (2.7 us for a slot with its first page, against 4.1 one by
// one). False where the kernel cannot.
bool install_guards_at_once(const slot_batch& batch, std::size_t size) noexcept {
  constexpr std::size_t most = 64;
  if (own_process() < 0 || batch.count < 2 || batch.count > most) return false;
  iovec ranges[most];
  for (std::size_t i = 0; i < batch.count; ++i) ranges[i] = {batch.from->base + (batch.first + i) * size, page_size()};
  return sys_process_madvise(own_process(), ranges, batch.count, madv_guard_install) ==
         static_cast<long>(batch.count * page_size());
}

// The arena that holds the address, or null.
arena* find_arena(const void* address) noexcept {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  // acquire: pairs with: the store in reserve_arena().
  const int count = arena_count.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    const auto base = reinterpret_cast<std::uintptr_t>(arenas[i].base);
    if (wanted - base < arenas[i].slot_size * arenas[i].slot_count) return &arenas[i];
  }
  return nullptr;
}

// Calls f with each page of the stack that has memory behind it, from the lowest up, until it returns false.
template <class F>
void visit_resident(const stack_slot& slot, F f) noexcept {
  const std::size_t page = page_size();
  unsigned char present[256];
  const race_ignore_scope quiet;  // the own stack, of which TSan does not know that it is new
  for (std::byte* at = slot.low(); at < slot.top();) {
    const std::size_t bytes = std::min(static_cast<std::size_t>(slot.top() - at), sizeof present * page);
    if (::mincore(at, bytes, present) != 0) return;
    for (std::size_t i = 0; i < bytes / page; ++i) {
      if ((present[i] & 1) != 0 && !f(at + i * page)) return;
    }
    at += bytes;
  }
}

// In memory that others may write to: what is read is a snapshot. Null: all zero.
__attribute__((no_sanitize("address"), noinline)) const std::byte* first_not_zero(const std::byte* begin,
                                                                                  const std::byte* end) noexcept {
  for (const std::byte* at = begin; at < end; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = *reinterpret_cast<const volatile std::uint64_t*>(at);
    if (word != 0) return at + (std::endian::native == std::endian::little ? std::countr_zero(word) / 8 : 0);
  }
  return nullptr;
}

}  // namespace

std::size_t stack_guard_bytes() noexcept {
  // Zero only in initialisers of other files that run before ours.
  return GOS_LIKELY(guard_bytes_at_start != 0) ? guard_bytes_at_start : page_size();
}

std::size_t stack_round_size(std::size_t wanted) noexcept {
  const std::size_t least = std::max(stack_size_min, page_size() * 4);
  return std::bit_ceil(std::clamp(wanted, least, stack_size_max));
}

int stack_map(std::size_t size, stack_slot* out, int count) noexcept {
  GOS_CHECK(size == stack_round_size(size));
  int taken = 0;
  while (taken < count) {
    slot_batch batch;
    {
      lock_scope scope(arena_lock);
      batch = take_slots(size, static_cast<std::size_t>(count - taken));
    }
    if (batch.count == 0) break;
    if (batch.to_install && install_guards_at_once(batch, size)) batch.to_install = false;
    for (std::size_t i = 0; i < batch.count; ++i) {
      std::byte* base = batch.from->base + (batch.first + i) * size;
      if (!batch.to_install || install_guard(*batch.from, base)) out[taken++] = {base, size};
    }
  }
  return taken;
}

void stack_release_pages(std::byte* low, std::byte* high) noexcept {
  stack_release one;
  one.add(low, high);
}

void stack_release::add(std::byte* low, std::byte* high) noexcept {
  const std::size_t page = page_size();
  const std::uintptr_t from = (reinterpret_cast<std::uintptr_t>(low) + page - 1) & ~(page - 1);
  const std::uintptr_t to = reinterpret_cast<std::uintptr_t>(high) & ~(page - 1);
  if (from >= to) return;
  if (count_ == most) flush();
  ranges_[count_++] = {low + (from - reinterpret_cast<std::uintptr_t>(low)), to - from};
}

void stack_release::flush() noexcept {
  const int saved_errno = errno;
  long left = 0;
  if (count_ > 1 && own_process() >= 0) {
    iovec all[most];
    for (std::size_t i = 0; i < count_; ++i) {
      all[i] = {ranges_[i].low, ranges_[i].bytes};
      left += static_cast<long>(ranges_[i].bytes);
    }
    left -= sys_process_madvise(own_process(), all, count_, MADV_DONTNEED);
  } else {
    left = 1;
  }
  // What is given back twice does no harm.
  for (std::size_t i = 0; i < count_ && left != 0; ++i)
    ::madvise(ranges_[i].low, ranges_[i].bytes, MADV_DONTNEED);
  count_ = 0;
  errno = saved_errno;
}

__attribute__((no_sanitize("address"), noinline)) bool stack_impl::canary_intact_slow(const stack_slot& slot) noexcept {
  const arena* from = find_arena(slot.base);
  if (from == nullptr) return true;
  const std::size_t index = static_cast<std::size_t>(slot.base - from->base) / from->slot_size;
  // acquire: pairs with: the store in give_up_guards().
  if (index < from->first_unguarded.load(std::memory_order_acquire)) return true;
  const auto* words = reinterpret_cast<const std::uint64_t*>(slot.low() - canary_bytes);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < canary_bytes / sizeof(std::uint64_t); ++i) all |= words[i];
  return all == 0;
}

bool stack_find(const void* address, stack_slot* out, bool* in_guard) noexcept {
  const arena* from = find_arena(address);
  if (from == nullptr) return false;
  const std::size_t offset = reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(from->base);
  const std::size_t index = offset / from->slot_size;
  // relaxed: only the number counts; who has an address in a slot got the slot after the store.
  if (index >= from->next.load(std::memory_order_relaxed)) return false;
  *out = {from->base + index * from->slot_size, from->slot_size};
  if (in_guard != nullptr) {
    // acquire: pairs with: the store in give_up_guards().
    const bool guarded = index < from->first_unguarded.load(std::memory_order_acquire);
    *in_guard = guarded && offset % from->slot_size < stack_guard_bytes();
  }
  return true;
}

std::size_t stack_resident(const stack_slot& slot) noexcept {
  std::size_t pages = 0;
  visit_resident(slot, [&](const std::byte*) {
    ++pages;
    return true;
  });
  return pages * page_size();
}

std::size_t stack_used(const stack_slot& slot) noexcept {
  const std::byte* deepest = slot.top();
  visit_resident(slot, [&](const std::byte* page) {
    const std::byte* const found = first_not_zero(page, page + page_size());
    if (found != nullptr) deepest = found;
    return found == nullptr;
  });
  return static_cast<std::size_t>(slot.top() - deepest);
}

stack_counts stack_statistics() noexcept {
  lock_scope scope(arena_lock);
  stack_counts counts;
  // relaxed (both): written under the lock only.
  counts.arenas = static_cast<std::size_t>(arena_count.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < counts.arenas; ++i) {
    counts.reserved_bytes += arenas[i].slot_size * arenas[i].slot_count;
    counts.slots += arenas[i].next.load(std::memory_order_relaxed);
  }
  counts.unguarded = unguarded_slots;
  return counts;
}

}  // namespace gos::rt
