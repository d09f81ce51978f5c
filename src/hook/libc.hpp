// libc: the C library's functions that ours stand before, by their own names: libc::read(fd, buffer, size).
//
// Each is looked up when the program starts (libc.cpp); see platform/next_function.hpp. Under a sanitizer it is the
// sanitizer's, which stands between.
#pragma once

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "platform/next_function.hpp"

// CALL for those that are looked up by name, CONDITION for those of which there are two versions.
#define GOS_HOOKED_CALLS(CALL, CONDITION)                                                                             \
  CALL(accept) CALL(accept4) CALL(close) CALL(connect) CALL(dup2) CALL(dup3)                                          \
  CALL(read) CALL(readv) CALL(recv) CALL(recvfrom) CALL(recvmsg)                                                      \
  CALL(send) CALL(sendmsg) CALL(sendto) CALL(write) CALL(writev)                                                      \
  CALL(epoll_pwait) CALL(epoll_wait) CALL(poll) CALL(ppoll) CALL(pselect) CALL(select)                                \
  CALL(clock_nanosleep) CALL(nanosleep) CALL(sleep) CALL(usleep)                                                      \
  CALL(getaddrinfo) CALL(gethostbyaddr_r) CALL(gethostbyname2_r) CALL(gethostbyname_r) CALL(getnameinfo)              \
  CALL(pthread_mutex_clocklock) CALL(pthread_mutex_lock) CALL(pthread_mutex_timedlock) CALL(pthread_mutex_trylock)    \
  CALL(pthread_mutex_unlock)                                                                                          \
  CONDITION(pthread_cond_broadcast) CONDITION(pthread_cond_signal) CONDITION(pthread_cond_timedwait)                  \
  CONDITION(pthread_cond_wait) CALL(pthread_cond_clockwait)                                                           \
  CALL(pthread_rwlock_clockrdlock) CALL(pthread_rwlock_clockwrlock) CALL(pthread_rwlock_rdlock)                       \
  CALL(pthread_rwlock_timedrdlock) CALL(pthread_rwlock_timedwrlock) CALL(pthread_rwlock_tryrdlock)                    \
  CALL(pthread_rwlock_trywrlock) CALL(pthread_rwlock_unlock) CALL(pthread_rwlock_wrlock)                              \
  CALL(sem_clockwait) CALL(sem_post) CALL(sem_timedwait) CALL(sem_trywait) CALL(sem_wait)                             \
  CALL(pthread_clockjoin_np) CALL(pthread_create) CALL(pthread_detach) CALL(pthread_join)                             \
  CALL(pthread_timedjoin_np) CALL(pthread_tryjoin_np)                                                                \
  CALL(pthread_getspecific) CALL(pthread_key_create) CALL(pthread_key_delete) CALL(pthread_setspecific)

namespace gos::rt::libc {

#define GOS_HOOKED_CALL(name) inline constinit auto name = next_function(&::name, #name);
#define GOS_HOOKED_CONDITION(name) inline constinit auto name = next_function(&::name, #name, next_condition_version);
GOS_HOOKED_CALLS(GOS_HOOKED_CALL, GOS_HOOKED_CONDITION)
#undef GOS_HOOKED_CALL
#undef GOS_HOOKED_CONDITION

}  // namespace gos::rt::libc
