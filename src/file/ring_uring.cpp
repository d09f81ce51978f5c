// ring_uring: ring.hpp over liburing.
//
// There are as many rings as CPUs, up to a bound, opened when they are first wanted; an operation takes the first that nobody is
// putting one into, beginning with that of its CPU. A ring's descriptor is watched by the runtime's poller, as a socket is: it
// becomes readable with a completion, and whoever sees that wakes the goroutines. A kernel that does the work for a file
// on the thread that asked (completions of direct reads) interrupts system calls of that thread for a moment.
//
// INV1 An operation lives on the stack of who waits for it. After the exchange on its slot that says `done` it may be gone, unless
//      that exchange brought up a goroutine: that one waits until it is made ready.
// INV2 put_lock_ is taken in user mode, over a system call that does not wait. Its holder does not enter the runtime before it has
//      let go, so it cannot be set aside with it. take_lock_ is taken in kernel mode.
// INV3 What could not be handed to the kernel does not stay in the ring: it becomes a no-operation of nobody.
// INV4 Rings are never closed, and never dropped by the kernel either: completions that find no room are kept for later
//      (IORING_FEAT_NODROP). The kernel gives everything back at the end of the process.
// Rejected: one ring for all, whose lock is held while the kernel starts the operation (2 to 10 us); a thread that owns
// the ring, which costs two switches of threads for each operation that comes alone; an eventfd beside the ring, which is
// readable itself.
#include "file/ring.hpp"

#include <liburing.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>

#include "base/assert.hpp"
#include "file/calls.hpp"
#include "park/park.hpp"
#include "platform/environment.hpp"
#include "sched/poll_source.hpp"
#include "sched/wait_note.hpp"

namespace gos::rt::ring {

namespace {

// Values of a slot; anything else is the goroutine that waits.
constexpr std::uintptr_t under_way = 0;
constexpr std::uintptr_t done = 1;

struct operation {
  std::atomic<std::uintptr_t> slot{under_way};
  std::ptrdiff_t result = 0;
  goroutine* waits = nullptr;  // by who completes it
  operation* next = nullptr;   // by who completes it
};

constexpr unsigned entries = 64;             // put into a ring before the kernel has taken them: one
constexpr unsigned completions_room = 1024;  // before the kernel has to keep some for later
constexpr int rings_max = 16;

class io_ring : private poll_source {
 public:
  constexpr io_ring() noexcept {
    on_event = event;
    poll_source::describe = describe;
  }

  bool try_lock() noexcept { return put_lock_.try_lock(); }
  void unlock() noexcept { put_lock_.unlock(); }

  // Both: the lock is held. 0 or an errno value.
  int open() noexcept;
  template <class Prepare> int put(operation& op, Prepare prepare) noexcept;

  void wait(operation& op) noexcept;

 private:
  static void event(poll_source* source, std::uint32_t) noexcept { static_cast<io_ring*>(source)->take(); }
  static void describe(const poll_source*, const goroutine*, wait_note& note) noexcept {
    note.add("its operation on a file to be completed by the kernel");
  }
  int failed(int error) noexcept {
    io_uring_queue_exit(&ring_);
    return failure_ = error;
  }
  bool has_operations() noexcept;
  void take() noexcept;

  spin_lock put_lock_;
  bool open_ = false;  // under put_lock_
  int failure_ = 0;    // under put_lock_: why it could not be opened
  spin_lock take_lock_;
  io_uring ring_{};  // the side of submissions under put_lock_, that of completions under take_lock_
};

constinit io_ring rings[rings_max];
std::atomic<std::uint64_t> completed_count{0};

bool io_ring::has_operations() noexcept {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  if (probe == nullptr) return false;
  const bool all = std::ranges::all_of(
      std::initializer_list<int>{IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC, IORING_OP_NOP},
      [probe](int what) { return io_uring_opcode_supported(probe, what) != 0; });
  io_uring_free_probe(probe);
  return all;
}

int io_ring::open() noexcept {
  if (open_ || failure_ != 0) return failure_;
  io_uring_params wanted{};
  wanted.flags = IORING_SETUP_CQSIZE;
  wanted.cq_entries = completions_room;
  if (const int error = -io_uring_queue_init_params(entries, &ring_, &wanted); error != 0)
    return failure_ = error;
  constexpr std::uint32_t needed = IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS;
  if ((wanted.features & needed) != needed || !has_operations()) return failed(ENOSYS);
  // Before anybody may learn of it: events come from here on.
  if (const int error = poll_register(*this, ring_.ring_fd); error != 0) return failed(error);
  open_ = true;
  return 0;
}

template <class Prepare> int io_ring::put(operation& op, Prepare prepare) noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return EBUSY;
  prepare(entry);
  io_uring_sqe_set_data(entry, &op);
  int got = 0;
  do got = io_uring_submit(&ring_);
  while (got == -EINTR);
  if (got > 0) return 0;
  io_uring_prep_nop(entry);  // INV3
  io_uring_sqe_set_data(entry, nullptr);
  return got < 0 ? -got : EAGAIN;
}

void io_ring::wait(operation& op) noexcept {
  kernel_section kernel;
  take();  // it may be there already
  poll_waiters_add(1);
  std::uintptr_t slot = under_way;
  // release: pairs with the exchange in take(). acquire on failure: the result is there.
  if (op.slot.compare_exchange_strong(slot, reinterpret_cast<std::uintptr_t>(self()),
                                      std::memory_order_release, std::memory_order_acquire)) {
    park(wait_reason::io_wait, static_cast<poll_source*>(this));
  }
  poll_waiters_add(-1);
}

// Wakes whose operations are done. Kernel mode, no locks.
void io_ring::take() noexcept {
  operation* waiting = nullptr;
  std::uint64_t count = 0;
  {
    spin_guard guard(take_lock_);
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring_, &completion) == 0) {
      auto* op = static_cast<operation*>(io_uring_cqe_get_data(completion));
      const int result = completion->res;
      io_uring_cqe_seen(&ring_, completion);
      if (op == nullptr) continue;  // INV3
      ++count;
      op->result = result;
      // acq_rel: pairs with the exchange in wait().
      const std::uintptr_t slot = op->slot.exchange(done, std::memory_order_acq_rel);
      if (slot == under_way) continue;  // INV1
      op->waits = reinterpret_cast<goroutine*>(slot);
      op->next = waiting;
      waiting = op;
    }
  }
  completed_count.fetch_add(count, std::memory_order_relaxed);  // relaxed: a number
  while (waiting != nullptr) {
    goroutine* const gp = waiting->waits;
    waiting = waiting->next;
    ready(gp);
  }
}

unsigned ring_count() noexcept {
  static const unsigned count =
      static_cast<unsigned>(std::clamp<long>(::sysconf(_SC_NPROCESSORS_ONLN), 1, rings_max));
  return count;
}

// The ring that has got the operation, or null.
template <class Prepare> [[gnu::noinline]] io_ring* put_into_one(operation& op, Prepare prepare) noexcept {
  const unsigned count = ring_count();
  const int cpu = ::sched_getcpu();
  const unsigned first = cpu < 0 ? 0 : static_cast<unsigned>(cpu);
  backoff wait;
  for (;;) {
    for (unsigned i = 0; i < count; ++i) {
      io_ring& chosen = rings[(first + i) % count];
      if (!chosen.try_lock()) continue;
      const bool opened = chosen.open() == 0;
      const bool taken = opened && chosen.put(op, prepare) == 0;
      chosen.unlock();
      if (opened) return taken ? &chosen : nullptr;
    }
    wait.pause();  // the first ring is open
  }
}

template <class Prepare> std::ptrdiff_t perform(Prepare prepare) noexcept {
  if (!usable()) return refused;
  operation op;
  io_ring* const used = put_into_one(op, prepare);
  if (used == nullptr) return refused;
  used->wait(op);
  // The thread that began it has ended, and the kernel's thread beside it: nothing was done.
  return op.result == -ECANCELED ? refused : op.result;
}

// The kernel takes 32 bits.
unsigned piece_of(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, 1U << 30));
}

bool first_opens() noexcept {
  if (debug_flag("nouring")) return false;
  io_ring& first = rings[0];
  while (!first.try_lock()) cpu_relax();
  const int failure = first.open();
  first.unlock();
  return failure == 0;
}

}  // namespace

bool usable() noexcept {
  enum : int { unknown, yes, no };
  static std::atomic<int> known{unknown};
  // relaxed, both: whoever finds it unknown finds the same answer; what the rings hold is under their locks.
  int answer = known.load(std::memory_order_relaxed);
  if (GOS_LIKELY(answer != unknown)) return answer == yes;
  answer = first_opens() ? yes : no;
  known.store(answer, std::memory_order_relaxed);  // relaxed: as above
  return answer == yes;
}

std::uint64_t completed() noexcept {
  return completed_count.load(std::memory_order_relaxed);
}  // relaxed: a number

std::ptrdiff_t read(int fd, void* buffer, std::size_t size, std::int64_t offset) noexcept {
  return perform([=](io_uring_sqe* entry) {
    io_uring_prep_read(entry, fd, buffer, piece_of(size), static_cast<std::uint64_t>(offset));
  });
}

std::ptrdiff_t write(int fd, const void* data, std::size_t size, std::int64_t offset) noexcept {
  return perform([=](io_uring_sqe* entry) {
    io_uring_prep_write(entry, fd, data, piece_of(size), static_cast<std::uint64_t>(offset));
  });
}

std::ptrdiff_t sync(int fd, bool data_only) noexcept {
  return perform(
      [=](io_uring_sqe* entry) { io_uring_prep_fsync(entry, fd, data_only ? IORING_FSYNC_DATASYNC : 0U); });
}

}  // namespace gos::rt::ring
