// See record.hpp.
#include "process/record.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>

#include <gossamer/time.hpp>

#include "base/race.hpp"
#include "platform/thread.hpp"
#include "signal/text.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t vigil_stack_size = std::size_t{64} << 10;

constinit lasting_pool<process_record> pool;

error failure(const char* operation, int number) {
  return {std::error_code(number, std::system_category()), operation};
}

// What the thread needs that stands in for a pidfd; it owns and frees it.
struct vigil {
  pid_t pid;
  descriptor closed_at_end;
};

void keep_vigil(void* opaque) {
  const std::unique_ptr<vigil> mine(static_cast<vigil*>(opaque));
  kernel_calls::await_end(mine->pid);
}

// For an orphan that cannot be watched.
void leave_to_thread(pid_t pid) noexcept {
  const auto take_leave = [](void* number) {
    const auto pid = static_cast<pid_t>(reinterpret_cast<std::intptr_t>(number));
    process_end unused;
    kernel_calls::await_end(pid);
    kernel_calls::reap(pid, -1, unused);
  };
  thread_start(take_leave, reinterpret_cast<void*>(static_cast<std::intptr_t>(pid)), "gos-process",
               vigil_stack_size);
}

// A descriptor that becomes readable when the process ends, or the negative errno value.
int notice_by_thread(pid_t pid) {
  int ends[2];
  if (const int error = kernel_calls::make_pipe(ends); error < 0) return error;
  descriptor ours(ends[0]);
  auto mine = std::make_unique<vigil>(pid, descriptor(ends[1]));
  if (!thread_start(keep_vigil, mine.get(), "gos-process", vigil_stack_size)) return -EAGAIN;
  static_cast<void>(mine.release());
  return ours.release();
}

process::exit_status status_of(const process_end& end) noexcept {
  if (end.code == CLD_EXITED) return {end.status, 0, false};
  return {-1, end.status, end.code == CLD_DUMPED};
}

}  // namespace

result<process_record*> process_record::open(pid_t pid, bool leads_group) {
  int notice = kernel_calls::open_process(pid);
  const bool by_pidfd = notice >= 0;
  process_record* made = nullptr;
  try {
    if (!by_pidfd && notice != -EMFILE && notice != -ENFILE) notice = notice_by_thread(pid);
    if (notice >= 0) made = pool.take();
  } catch (const std::bad_alloc&) { notice = -ENOMEM; }
  if (made == nullptr) {
    kernel_calls::send_signal(pid, -1, SIGKILL);
    kernel_calls::await_end(pid);
    process_end unused;
    kernel_calls::reap(pid, -1, unused);
    return std::unexpected(failure("pidfd_open", -notice));
  }
  made->pid_ = pid;
  made->notice_ = notice;
  made->by_pidfd_ = by_pidfd;
  made->leads_group_ = leads_group;
  kernel_section kernel;
  spin_guard guard(made->lock_);
  ++made->use_;
  made->missing_ = 0;
  made->state_ = state::running;
  return made;
}

// The lock is held. Takes leave of it if it has ended. True if it runs no more.
bool process_record::look_locked() noexcept {
  if (state_ == state::ended) return true;
  const int got = kernel_calls::reap(pid_, by_pidfd_ ? notice_ : -1, end_);
  if (got == 0) return false;
  if (got < 0) missing_ = -got;
  return true;
}

result<process::exit_status> process_record::wait(const detail::select_arm* limit, std::error_code why,
                                                  bool& seen) {
  for (;;) {
    if (result<void> waited = detail::wait_fd(notice_, false, limit, why); !waited) {
      return std::unexpected(std::move(waited.error()));
    }
    process_end end;
    int missing = 0;
    bool over = false;
    {
      kernel_section kernel;
      spin_guard guard(lock_);
      over = look_locked();
      if (over) {
        seen = state_ == state::running;
        state_ = state::ended;
        end = end_;
        missing = missing_;
      }
    }
    if (missing != 0) return std::unexpected(failure("waitid", missing));
    if (over) return status_of(end);
    sleep(std::chrono::milliseconds(1));  // it has ended, and a debugger has yet to let go of it
  }
}

result<void> process_record::signal(int number, std::uint64_t in_use) noexcept {
  int got = -ESRCH;
  {
    kernel_section kernel;
    spin_guard guard(lock_);
    if (use_ == in_use && (state_ == state::running || state_ == state::orphaned)) {
      got = kernel_calls::send_signal(leads_group_ ? -pid_ : pid_, by_pidfd_ && !leads_group_ ? notice_ : -1,
                                      number);
    }
  }
  if (got >= 0) return {};
  const std::error_code cause(-got, std::system_category());
  if (got == -ESRCH) return std::unexpected(error(cause, "os", "process already finished"));
  return std::unexpected(error(cause, "kill"));
}

void process_record::retire() noexcept {
  bool over = false;
  {
    kernel_section kernel;
    spin_guard guard(lock_);
    over = look_locked();
  }
  // Before it is an orphan: an end that came meanwhile is seen by the look below, one that comes later by the upcall.
  const bool watched = !over && poll_register(*this, notice_) == 0;
  {
    kernel_section kernel;
    poll_waiters_add(1);
    spin_guard guard(lock_);
    over = over || look_locked();
    state_ = watched && !over ? state::orphaned : state::free;
    race_release(this);  // TSan follows descriptors: event() comes after all that was done with this one
    if (state_ == state::orphaned) return;
  }
  if (watched) poll_unregister(notice_);
  if (!over) leave_to_thread(pid_);
  kernel_calls::close(notice_);
  kernel_section kernel;
  poll_waiters_add(-1);
  pool.put_in_kernel(this);
}

void process_record::event(poll_source* source, std::uint32_t) noexcept {
  auto* record = static_cast<process_record*>(source);
  {
    spin_guard guard(record->lock_);
    if (record->state_ != state::orphaned || !record->look_locked()) return;
    record->state_ = state::free;
  }
  race_acquire(record);
  poll_unregister(record->notice_);
  kernel_calls::close(record->notice_);
  pool.put_in_kernel(record);
  poll_waiters_add(-1);
}

}  // namespace gos::rt

namespace gos::process {

std::string exit_status::to_string() const {
  if (signal_ == 0) return "exit status " + std::to_string(code_);
  return "signal: " + rt::signal_text(signal_) + (core_dumped_ ? " (core dumped)" : "");
}

child& child::operator=(child&& other) noexcept {
  if (this != &other) {
    drop();
    record_ = std::exchange(other.record_, nullptr);
    take_back_ = std::exchange(other.take_back_, nullptr);
    in_ = std::move(other.in_);
    out_ = std::move(other.out_);
    err_ = std::move(other.err_);
  }
  return *this;
}

child::~child() { drop(); }

void child::drop() noexcept {
  if (record_ != nullptr) std::exchange(record_, nullptr)->retire();
}

int child::id() const noexcept { return record_ == nullptr ? -1 : record_->pid(); }

result<exit_status> child::wait_for_end(const detail::select_arm* limit, std::error_code why) {
  if (record_ == nullptr) return std::unexpected(error(std::errc::invalid_argument));
  bool seen = false;
  auto ended = record_->wait(limit, why, seen);
  if (seen && take_back_ != nullptr) take_back_();
  return ended;
}

result<void> child::signal(int number) {
  if (record_ == nullptr) return std::unexpected(error(std::errc::invalid_argument));
  return record_->signal(number, record_->use());
}

result<void> child::kill() { return signal(SIGKILL); }

}  // namespace gos::process
