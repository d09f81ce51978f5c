// See descriptor.hpp.
#include "hook/descriptor.hpp"

#include <gossamer/detail/limit.hpp>
#include <gossamer/fd.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstddef>
#include <new>

#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "park/park.hpp"

namespace gos::rt {

namespace {
class closed_object;
}

struct descriptor_record {
  std::atomic<std::uint32_t> closes{0};
  std::atomic<std::uint32_t> waiting{0};  // who is linked, or about to be
  spin_lock lock;                         // guards first; taken in kernel mode
  closed_object* first = nullptr;
};

namespace {

// Records by number, in chunks that are made when they are needed. Beyond, closing wakes nobody.
constexpr std::size_t chunk_size = 1024;
constexpr std::size_t chunks_max = 1024;
std::atomic<descriptor_record*> chunks[chunks_max];

descriptor_record* existing_record(int fd) noexcept {
  const auto number = static_cast<std::size_t>(fd);
  if (fd < 0 || number >= chunk_size * chunks_max) return nullptr;
  // acquire: pairs with record_of().
  descriptor_record* const chunk = chunks[number / chunk_size].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : chunk + number % chunk_size;
}

// Null: none to be had.
descriptor_record* record_of(int fd) noexcept {
  const auto number = static_cast<std::size_t>(fd);
  if (fd < 0 || number >= chunk_size * chunks_max) return nullptr;
  std::atomic<descriptor_record*>& chunk = chunks[number / chunk_size];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {  // relaxed: a look
    auto* const made = new (std::nothrow) descriptor_record[chunk_size];
    descriptor_record* there = nullptr;
    // release: pairs with existing_record(). relaxed on failure: somebody else's serves.
    if (!chunk.compare_exchange_strong(there, made, std::memory_order_release, std::memory_order_relaxed)) delete[] made;
  }
  return existing_record(fd);
}

// The arm of a wait that a close wins.
class closed_object final : public detail::select_object {
 public:
  struct request {
    descriptor_record* record;
    std::uint32_t closes;
  };

  explicit closed_object(const request& r) noexcept : record_(*r.record), closes_(r.closes) {}

  // seq_cst: as in join().
  bool try_take() noexcept override { return record_.closes.load(std::memory_order_seq_cst) != closes_; }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    // seq_cst: pairs with descriptor_closes(): it sees that somebody waits, or we that it has closed.
    record_.waiting.fetch_add(1, std::memory_order_seq_cst);
    spin_guard guard(record_.lock);
    shared_ = &shared;
    gp_ = gp;
    arm_ = arm;
    next_ = record_.first;
    if (next_ != nullptr) next_->prev_ = this;
    record_.first = this;
    return try_take() && shared.take(arm);
  }

  void leave(bool) noexcept override {
    record_.waiting.fetch_sub(1, std::memory_order_relaxed);  // relaxed: too high a count costs a look
    spin_guard guard(record_.lock);
    if (shared_ != nullptr) unlink();
  }

  std::uint8_t reason() const noexcept override { return static_cast<std::uint8_t>(wait_reason::io_wait); }
  const void* address() const noexcept override { return nullptr; }

  // The record is locked. Takes the first wait out; the goroutine to be woken, if it is by this.
  static goroutine* pop(descriptor_record& record) noexcept {
    closed_object* const waits = record.first;
    claim* const shared = waits->shared_;
    waits->unlink();
    return shared->take(waits->arm_) ? waits->gp_ : nullptr;
  }

 private:
  void unlink() noexcept {
    (prev_ != nullptr ? prev_->next_ : record_.first) = next_;
    if (next_ != nullptr) next_->prev_ = prev_;
    next_ = prev_ = nullptr;
    shared_ = nullptr;
  }

  descriptor_record& record_;
  const std::uint32_t closes_;
  claim* shared_ = nullptr;  // of a wait that is linked
  goroutine* gp_ = nullptr;
  std::uint32_t arm_ = 0;
  closed_object* next_ = nullptr;
  closed_object* prev_ = nullptr;
};

void make_closed_object(void* to, void* from) {
  static_assert(sizeof(closed_object) <= detail::select_object_room);
  ::new (to) closed_object(*static_cast<const closed_object::request*>(static_cast<detail::select_arm*>(from)->element));
}

// When a call on this descriptor gives up: SO_RCVTIMEO or SO_SNDTIMEO from now.
std::int64_t socket_deadline(int fd, fd_direction d) noexcept {
  timeval limit{};
  socklen_t size = sizeof limit;
  const int name = d == fd_direction::read ? SO_RCVTIMEO : SO_SNDTIMEO;
  if (::getsockopt(fd, SOL_SOCKET, name, &limit, &size) != 0) return never_ns;  // no socket
  if (limit.tv_sec == 0 && limit.tv_usec == 0) return never_ns;
  return deadline_after(nanoseconds({.tv_sec = limit.tv_sec, .tv_nsec = limit.tv_usec * 1000}));
}

}  // namespace

bool is_ready(int fd, fd_direction d) noexcept {
  pollfd asked{.fd = fd, .events = static_cast<short>(d == fd_direction::read ? POLLIN : POLLOUT), .revents = 0};
  return checked([&] { return libc::poll(&asked, 1, 0); }) != 0;
}

bool must_not_wait(int fd, int& why) noexcept {
  const long flags = checked([fd] { return ::fcntl(fd, F_GETFL); });
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) return false;
  why = flags < 0 ? static_cast<int>(-flags) : EAGAIN;
  return true;
}

void descriptor_wait::begin() noexcept {
  begun_ = true;
  record_ = record_of(fd_);
  // acquire: pairs with descriptor_closes(): what was done before that close is seen.
  if (record_ != nullptr) closes_ = record_->closes.load(std::memory_order_acquire);
}

// The outcome of a wait, as things are with the number: INV1.
fd_wait descriptor_wait::seen(fd_wait outcome) noexcept {
  // acquire: as above.
  const std::uint32_t closes = record_ != nullptr ? record_->closes.load(std::memory_order_acquire) : closes_;
  if (closes == closes_) return outcome;
  if (closes_ % 2 == 0) return fd_wait::closed;
  closes_ = closes;
  return fd_wait::ready;
}

int descriptor_wait::wait() noexcept {
  if (!asked_) {
    asked_ = true;
    begin();
    int why = 0;
    if (must_not_wait(fd_, why)) return why;
    deadline_ns_ = socket_deadline(fd_, direction_);
  }
  switch (wait_until(deadline_ns_)) {
    case fd_wait::ready: return 0;
    case fd_wait::timeout: return EAGAIN;
    case fd_wait::closed: return EBADF;
    case fd_wait::refused: break;
  }
  return refused;
}

fd_wait descriptor_wait::wait_until(std::int64_t deadline_ns) noexcept {
  if (!in_home_process()) return fd_wait::refused;
  if (!begun_) begin();
  closed_object::request request{record_, closes_};
  const detail::select_arm ready = detail::fd_arm(fd_, direction_ == fd_direction::write);
  detail::select_arm closed = detail::object_arm(&request, make_closed_object);
  closed.flags = detail::select_flag::limit;
  detail::select_arm limit;
  const detail::select_arm* arms[3] = {&ready};
  std::size_t count = 1;
  if (record_ != nullptr) arms[count++] = &closed;
  if (deadline_ns != never_ns) {
    limit = detail::limit_after_ns(deadline_ns - monotonic_ns());
    arms[count++] = &limit;
  }
  try {
    const bool in_time = arms[detail::select_run(arms, count)] != &limit;
    return seen(in_time ? fd_wait::ready : fd_wait::timeout);
  } catch (...) {  // no descriptor, no watch or no memory to be had
    return seen(fd_wait::refused);
  }
}

void descriptor_closes(int fd) noexcept {
  descriptor_record* const record = existing_record(fd);
  if (record == nullptr || !in_home_process()) return;
  // seq_cst, both: pairs with join(), begin() and seen().
  record->closes.fetch_add(1, std::memory_order_seq_cst);
  if (record->waiting.load(std::memory_order_seq_cst) == 0) return;
  for (bool more = true; more;) {
    in_kernel([&] {
      goroutine* woken = nullptr;
      {
        spin_guard guard(record->lock);
        if (record->first != nullptr) woken = closed_object::pop(*record);
        more = record->first != nullptr;
      }
      if (woken != nullptr) ready(woken);
    });
  }
}

}  // namespace gos::rt
