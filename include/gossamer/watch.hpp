// watch: a value, and who wants to know when it changes.
//
//   gos::watch<config> settings(load());
//   gos::go([changes = settings.subscribe()] {
//     for (const config& now : changes.channel()) apply(now);     // the newest, whenever there is one; not each of them
//   });
//   settings.set(load());                                         // never waits
//   use(settings.get());
//
// A subscriber sees the newest value and may miss those in between. Its channel is selected like any other:
// gos::recv(changes.channel(), f).
//
// All members may be called from any goroutine or plain thread at the same time. T is copied for get() and for each
// subscriber, under the watch's mutex: wrap what is large in a std::shared_ptr<const T>. A set happens before a get, and
// before the receive, of its value.
//
// Source: tokio sync::watch.
#pragma once

#include <concepts>
#include <functional>
#include <mutex>
#include <utility>

#include <gossamer/broadcast.hpp>
#include <gossamer/chan.hpp>
#include <gossamer/mutex.hpp>

namespace gos {

template <class T> class watch {
 public:
  explicit watch(T initial) : value_(std::move(initial)) {}
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  // A copy of the newest value.
  T get() const {
    const std::lock_guard held(mutex_);
    return value_;
  }

  void set(T value) {
    const std::lock_guard held(mutex_);
    value_ = std::move(value);
    changes_.send(value_);
  }

  // Calls f(T&) under the mutex, so that no other change comes between; then as set. If f throws, nobody is told, and the
  // value stays as f left it. f must not use the watch.
  template <std::invocable<T&> F> void update(F&& f) {
    const std::lock_guard held(mutex_);
    std::invoke(std::forward<F>(f), value_);
    changes_.send(value_);
  }

  // A new subscriber. Its first value is the present one if `with_present`, else the next change.
  subscription<T> subscribe(bool with_present = false) {
    const std::lock_guard held(mutex_);
    return with_present ? changes_.subscribe_after(value_) : changes_.subscribe(1);
  }

  // No more changes: the channels of all subscribers close. The value can still be read and set.
  void close() { changes_.close(); }

 private:
  mutable mutex mutex_;  // guards value_, and keeps the changes in its order
  T value_;
  broadcast<T> changes_;
};

}  // namespace gos
