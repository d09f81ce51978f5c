// told_guard: what ThreadSanitizer is told in this folder.
//
// OpenSSL is not instrumented, nor are we; but calls of memcpy, free and the like are seen by TSan wherever they come from. What
// OpenSSL does is not looked at (race_ignore_scope around calls into it): it counts owners by atomics that TSan cannot see. What
// we do under a mutex is ordered by it, and told_guard says so.
#pragma once

#include <mutex>

#include <gossamer/mutex.hpp>

#include "base/race.hpp"

namespace gos::tls {

class told_guard {
 public:
  explicit told_guard(mutex& lock) : held_(lock), lock_(&lock) { rt::race_acquire(lock_); }
  told_guard(mutex& lock, std::adopt_lock_t adopt) : held_(lock, adopt), lock_(&lock) { rt::race_acquire(lock_); }
  ~told_guard() { rt::race_release(lock_); }
  told_guard(const told_guard&) = delete;
  told_guard& operator=(const told_guard&) = delete;

 private:
  const std::lock_guard<mutex> held_;
  const mutex* const lock_;
};

using openssl_scope = rt::race_ignore_scope;

}  // namespace gos::tls
