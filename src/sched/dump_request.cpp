// See dump_request.hpp.
#include "sched/dump_request.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "base/fatal.hpp"
#include "base/traceback.hpp"
#include "platform/environment.hpp"
#include "platform/signal_action.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

constexpr std::uint32_t live_dump = 1;
constexpr std::uint32_t quit = 2;
constexpr std::int64_t quit_patience_ns = 5'000'000'000;

std::atomic<std::uint32_t> wanted{0};
std::atomic<bool> quit_begun{false};  // sysmon writes the report
std::atomic<bool> quit_timed{false};

void ask(std::uint32_t what) noexcept {
  // seq_cst: pairs with dump_requested() in sysmon: either it sees the wish, or we see it sleeping.
  wanted.fetch_or(what, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // seq_cst: as above; sysmon_hurry() looks without one
  sysmon_hurry();
}

// SIGQUIT comes again, from the clock.
void start_patience() noexcept {
  // relaxed: only one starts it.
  if (quit_timed.exchange(true, std::memory_order_relaxed)) return;
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGQUIT;
  int timer = -1;
  if (::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) return;
  const std::int64_t patience_ns = std::min(quit_patience_ns, crash_limit());
  itimerspec at{};
  at.it_value.tv_sec = patience_ns / 1'000'000'000;
  at.it_value.tv_nsec = patience_ns % 1'000'000'000;
  ::syscall(SYS_timer_settime, timer, 0, &at, nullptr);
}

// Unless that would wait: it may be standard error that sysmon is held up by.
void write_error_at_once(const char* text) noexcept {
  pollfd error{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&error, 1, 0) > 0) write_error(text);
}

void on_quit(int, siginfo_t* info, void*) noexcept {
  const int saved_errno = errno;
  if (info->si_code == SI_TIMER) {
    // relaxed: from then on the report's own limit holds (crash_limit).
    if (!quit_begun.load(std::memory_order_relaxed)) {
      write_error_at_once("SIGQUIT: quit\n(the runtime does not come to write the stacks)\n");
      if (traceback() == traceback_level::crash) ::abort();
      ::_exit(2);
    }
  } else {
    start_patience();
    ask(quit);
  }
  errno = saved_errno;
}

void on_dump_signal(int, siginfo_t*, void*) noexcept {
  const int saved_errno = errno;
  ask(live_dump);
  errno = saved_errno;
}

// False: somebody else handles it, or it is ignored.
bool handle(int signal, void (*handler)(int, siginfo_t*, void*)) noexcept {
  struct sigaction present {};
  if (kernel_action(signal, nullptr, &present) != 0 || !is_default(present)) return false;
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigfillset(&action.sa_mask);  // sysmon may ask this very thread where it is: after the handler
  return kernel_action(signal, &action, nullptr) == 0;
}

[[noreturn]] void write_quit_report() noexcept {
  crash_begin();
  quit_begun.store(true, std::memory_order_relaxed);  // relaxed: see on_quit()
  write_error("SIGQUIT: quit\n");
  if (traceback() > traceback_level::none && crash_hook != nullptr) crash_hook(nullptr, crash_part::the_others);
  crash_end(2);
}

}  // namespace

void dump_requests_init() noexcept {
  handle(SIGQUIT, on_quit);
  const int signal = debug_signal("dump_signal");
  if (signal == 0 || handle(signal, on_dump_signal)) return;
  write_error("gossamer: GOS_DEBUG: dump_signal: the program handles or ignores that signal itself\n");
}

bool dump_requested() noexcept { return wanted.load(std::memory_order_seq_cst) != 0; }  // seq_cst: pairs with ask()

void dump_requests_serve() noexcept {
  // relaxed: a look at every turn; what it misses comes with sysmon_hurry().
  if (GOS_LIKELY(wanted.load(std::memory_order_relaxed) == 0)) return;
  const std::uint32_t what = wanted.exchange(0, std::memory_order_seq_cst);  // seq_cst: as in ask()
  if ((what & quit) != 0) write_quit_report();
  if (crash_hook != nullptr) crash_hook(nullptr, crash_part::everybody);
}

}  // namespace gos::rt
