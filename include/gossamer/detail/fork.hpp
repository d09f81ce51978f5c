// fork: the seam between fork_join and the scheduler: a call that idle processors may take over.
//
// The job lies on the stack of who forks. While nobody has taken it, it is linked into its goroutine's list, newest first;
// src/sched/forks.cpp says who may touch that.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace gos::rt {
struct goroutine;
}

namespace gos::detail {

struct fork_job {
  enum progress : std::uint32_t { running, waited_for, finished };

  explicit fork_job(void (*call_)(fork_job&)) noexcept : call(call_) {}
  fork_job(const fork_job&) = delete;
  fork_job& operator=(const fork_job&) = delete;

  void (*const call)(fork_job&);  // runs the user's function and keeps its result; exceptions pass out
  // The runtime's.
  fork_job* older = nullptr;
  fork_job* newer = nullptr;
  rt::goroutine* forker = nullptr;
  std::atomic<std::uint32_t> state{running};  // of who took it
  std::exception_ptr failure;                 // what ended the call where it was taken to
};

// From now on others may take the job. False: not on a goroutine, and nothing was done. Newest first, each job that was
// offered is taken back by its goroutine.
bool fork_offer(fork_job& job) noexcept;
// True: nobody has taken it, it is the caller's again. False: fork_wait() must follow.
bool fork_take_back(fork_job& job) noexcept;
// Waits until the job that was taken has ended. Its failure is the caller's then.
void fork_wait(fork_job& job) noexcept;
// Throws what ended a job that was taken, if anything.
void fork_rethrow(fork_job& job);
// The failure is of no interest any more: another one came first.
void fork_forget(fork_job& job) noexcept;

// A divisor for the size of pieces.
int fork_width() noexcept;

}  // namespace gos::detail
