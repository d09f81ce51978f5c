// timer: channel timers and tickers.
//
// A timer channel holds no value. It knows when it is due; a receive that finds it due makes the value on the spot,
// under the channel's lock, and only a receive that has to wait starts the alarm that will wake it. So there is nothing
// to drain after stop and reset, no length, and no wake-up for a timer that nobody waits for.
//
// INV1 armed, due_ns and period_ns are guarded by the channel's lock. armed: a value can be received at due_ns or
//      later.
// INV2 While armed and somebody waits in `receivers`, the alarm is set to due_ns or a fire is under way.
// INV3 Who pops a receiver gives it the value and, for a one-shot, disarms in the same section: stop() and reset() see
//      either an unread value (true) or one that a receiver has for certain (false).
//
// Rejected: a buffered value as before Go 1.23 (stop and reset leave stale values behind).
#include <gossamer/time.hpp>

#include "chan/channel.hpp"
#include "platform/clock.hpp"
#include "sync/misuse.hpp"
#include "time/alarm.hpp"

namespace gos {

namespace {

using namespace gos::rt;

struct timer_channel : channel, alarm {
  timer_channel(std::int64_t due, std::int64_t period) noexcept;

  // Lock held, armed. Makes the value and moves on to the next tick, or disarms.
  void deliver(void* to, std::int64_t now_ns) noexcept {
    ::new (to) time_point(std::chrono::nanoseconds(due_ns));
    if (period_ns == 0) {
      armed = false;
      return;
    }
    // Ticks that nobody has received are dropped; the next is on the grid, after now.
    const std::int64_t late_ns = now_ns - due_ns;
    due_ns = detail::moment_after(due_ns, period_ns);
    if (late_ns >= period_ns) due_ns += late_ns / period_ns * period_ns;
  }

  std::int64_t due_ns;
  std::int64_t period_ns;
  bool armed = true;
};

timer_channel& timer_of(channel& ch) noexcept { return static_cast<timer_channel&>(ch); }
timer_channel& timer_of(detail::chan_core* core) noexcept { return *static_cast<timer_channel*>(core); }

// The upcall slot: the alarm of a channel that somebody waited on.
std::int64_t timer_fire(rt::timer* due, std::int64_t) noexcept {
  timer_channel& t = *static_cast<timer_channel*>(due);
  goroutine* woken = nullptr;
  std::int64_t again_ns = 0;
  t.enter();
  {
    spin_guard guard(t.lock);
    t.begin();
    const std::int64_t now_ns = monotonic_ns();
    if (t.armed && t.due_ns <= now_ns) {
      if (waiter* w = pop_receiver(t)) {
        t.deliver(w->data, now_ns);
        w->ok = true;
        race_release(w);
        woken = w->gp;
      }
    }
    again_ns = t.armed && t.due_ns > now_ns && !t.receivers.empty() ? t.again(t.due_ns) : t.rest();
  }
  if (woken != nullptr) ready(woken);
  return again_ns;
}

bool source_ready(channel& ch) noexcept {
  const timer_channel& t = timer_of(ch);
  return t.armed && t.due_ns <= monotonic_ns();
}

void source_take(channel& ch, void* to) noexcept { timer_of(ch).deliver(to, monotonic_ns()); }

void source_wanted(channel& ch) noexcept {
  timer_channel& t = timer_of(ch);
  if (t.armed && !t.busy()) t.set(t.due_ns);
}

void source_unwanted(channel& ch) noexcept { timer_of(ch).cancel(); }

void source_destroy(channel& ch) noexcept {
  timer_channel& t = timer_of(ch);
  {
    kernel_section kernel;
    rt::timer_stop(t);
  }
  delete &t;
}

constexpr channel_source timer_source{source_ready, source_take, source_wanted, source_unwanted,
                                      source_destroy};

timer_channel::timer_channel(std::int64_t due, std::int64_t period) noexcept
    : channel(0, detail::element_type_of<time_point>, &timer_source),
      alarm(timer_fire),
      due_ns(due),
      period_ns(period) {}

// A moment `ns` from now: the past counts as now.
std::int64_t due_after(std::int64_t ns) noexcept {
  return detail::moment_after(monotonic_ns(), ns > 0 ? ns : 0);
}

}  // namespace

detail::chan_core* detail::timer_make(std::int64_t ns, std::int64_t period_ns) {
  auto* t = new timer_channel(due_after(ns), period_ns);
  race_release(race_end(*t));
  return t;
}

bool detail::timer_stop(chan_core* core) noexcept {
  timer_channel& t = timer_of(core);
  kernel_section kernel;
  spin_guard guard(t.lock);
  const bool was_armed = t.armed;
  t.armed = false;
  t.cancel();
  return was_armed;
}

bool detail::timer_reset(chan_core* core, std::int64_t ns, std::int64_t period_ns) noexcept {
  timer_channel& t = timer_of(core);
  race_release(race_end(t));
  kernel_section kernel;
  spin_guard guard(t.lock);
  const bool was_armed = t.armed;
  t.armed = true;
  t.due_ns = due_after(ns);
  t.period_ns = period_ns;
  // INV2; and nobody is woken for the old setting.
  if (t.receivers.empty()) {
    t.cancel();
  } else {
    t.set(t.due_ns);
  }
  return was_armed;
}

void gos::timer::uninitialized(const char* text) { panic_with(text); }

detail::chan_core* ticker::make(std::int64_t ns) {
  if (ns <= 0) panic_with("non-positive interval for NewTicker");
  return detail::timer_make(ns, ns);
}

void ticker::reset_ns(std::int64_t ns) {
  if (ns <= 0) panic_with("non-positive interval for Ticker.Reset");
  if (channel_.get() == nullptr) panic_with("time: Reset called on uninitialized Ticker");
  detail::timer_reset(channel_.get(), ns, ns);
}

}  // namespace gos
