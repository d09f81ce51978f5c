// thread: detached threads, and the number of CPUs.
//
// Affinity is that of the calling thread, not of the process's first thread: threads inherit the mask of their creator, so it
// says where the runtime's threads can run.
#include "platform/thread.hpp"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "platform/cgroup.hpp"
#include "platform/fiber_hooks.hpp"

namespace gos::rt {

namespace {

// What a new thread needs to know; it owns and frees it.
struct thread_birth {
  void (*body)(void*);
  void* argument;
  char name[16];
};

void* thread_main(void* opaque) {
  auto* birth = static_cast<thread_birth*>(opaque);
  const thread_birth copy = *birth;
  delete birth;
  if (copy.name[0] != '\0') ::pthread_setname_np(::pthread_self(), copy.name);
  copy.body(copy.argument);
  return nullptr;
}

int create_detached(thread_birth* birth, std::size_t stack_size) noexcept {
  pthread_attr_t attributes;
  int error = ::pthread_attr_init(&attributes);
  if (error != 0) return error;
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (stack_size != 0) {
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    stack_size = std::max(stack_size, static_cast<std::size_t>(PTHREAD_STACK_MIN));
    ::pthread_attr_setstacksize(&attributes, (stack_size + page - 1) / page * page);
  }
  pthread_t thread;
  error = ::pthread_create(&thread, &attributes, thread_main, birth);
  ::pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

bool thread_start(void (*body)(void*), void* argument, const char* name, std::size_t stack_size) noexcept {
#if defined(GOS_TSAN)
  const nobody_scope nobody;
#endif
  auto* birth = new (std::nothrow) thread_birth{body, argument, {}};
  if (birth == nullptr) return false;
  if (name != nullptr) std::snprintf(birth->name, sizeof birth->name, "%s", name);
  const int error = create_detached(birth, stack_size);
  if (error != 0) {
    delete birth;
    errno = error;
  }
  return error == 0;
}

// The third field of its stat file, behind the name in parentheses.
bool thread_runs(int thread) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[128];  // the name has 15 characters at most
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  const char* end = std::strrchr(text, ')');
  return end != nullptr && end[1] == ' ' && end[2] == 'R';
}

int thread_id() noexcept { return static_cast<int>(::gettid()); }

int cpu_count_now(int thread) noexcept {
  // The kernel wants room for all CPUs it could have, which may be more than a cpu_set_t holds.
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 20); capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(capacity));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(capacity));
    const bool known = ::sched_getaffinity(thread, bytes, set) == 0;
    const int error = errno;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return std::max(count, 1);
    if (error != EINVAL) break;
  }
  const long online = ::sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

int cpu_count() noexcept {
  static const int count = cpu_count_now();
  return count;
}

int default_procs_for(int affinity_count, const char* root) noexcept {
  int limit = cgroup_cpu_limit(root);
  if (limit == 0) return affinity_count;
  // One processor would let a goroutine that computes stall all others for a whole time slice; two share the quota.
  limit = std::max(limit, 2);
  return std::min(affinity_count, limit);
}

int default_procs(int thread) noexcept { return default_procs_for(cpu_count_now(thread), ""); }

void thread_on_fork(void (*in_child)()) noexcept { ::pthread_atfork(nullptr, nullptr, in_child); }

void thread_yield() noexcept { ::sched_yield(); }

}  // namespace gos::rt
