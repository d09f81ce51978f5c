// notify: who is registered for which signals. See include/gossamer/signal.hpp; what handles them is
// platform/signal_relay.cpp.
//
// A plain thread waits for signals and passes them on; who ends a registration does the same before, so that nothing that
// was noted until then is lost.
// INV1 A signal is relayed while at least one registration has it.
// INV2 Registrations are looked at, and channels sent to, under `registry::lock`; contexts are cancelled without it, because that
//      may run user code.
// Rejected: a goroutine that waits: it would be counted, and hold up those who wait for all to end.
#include <gossamer/signal.hpp>

#include <algorithm>
#include <bit>
#include <gossamer/detail/panic_record.hpp>
#include <gossamer/detail/raise.hpp>
#include <gossamer/detail/spawn.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/wait_group.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "base/fatal.hpp"
#include "context/node.hpp"
#include "platform/signal_relay.hpp"
#include "platform/thread.hpp"
#include "sched/sched.hpp"
#include "signal/text.hpp"

namespace gos {

namespace {

using rt::signal_bit;
using rt::signal_mask;

// A channel, or a context.
struct registration {
  send_chan<int> channel;
  detail::context_ref node;
  signal_mask signals = 0;
};

struct registry {
  mutex lock;
  std::vector<registration> all;         // under lock
  int wanting[rt::signal_max + 1] = {};  // under lock: how many registrations have the signal
  bool thread_started = false;           // under lock
};

// Lives for ever: signals come until the very end.
registry& signals() {
  static auto* const made = new registry;
  return *made;
}

class signal_category_type final : public std::error_category {
 public:
  const char* name() const noexcept override { return "signal"; }
  std::string message(int signal) const override { return rt::signal_text(signal) + " signal received"; }
  std::error_condition default_error_condition(int) const noexcept override {
    return std::errc::operation_canceled;
  }
};

signal_mask mask_of(std::initializer_list<int> list) {
  signal_mask mask = list.size() == 0 ? ~signal_mask{0} : 0;
  for (const int signal : list) {
    if (signal >= 1 && signal <= rt::signal_max) mask |= signal_bit(signal);
  }
  return mask & rt::relayable_signals();
}

template <class F> void for_each_signal(signal_mask mask, F f) {
  for (; mask != 0; mask &= mask - 1) f(std::countr_zero(mask) + 1);
}

struct cancellation {
  detail::context_ref node;
  int signal;
};

// Under the lock: what was noted goes to whom it concerns; contexts are left to the caller.
std::vector<cancellation> pass_on(registry& r) {
  std::vector<cancellation> later;
  for_each_signal(rt::relay_take(), [&](int signal) {
    for (const registration& one : r.all) {
      if ((one.signals & signal_bit(signal)) == 0) continue;
      if (one.node.get() != nullptr) {
        later.push_back({one.node, signal});
      } else {
        one.channel.try_send(signal);
      }
    }
  });
  return later;
}

void cancel(const std::vector<cancellation>& all) {
  for (const cancellation& one : all) {
    rt::cancel_tree(*rt::as_cancel(one.node.get()), make_error_code(context_errc::canceled),
                    {one.signal, signal_category()});
  }
}

void pass_on_for_ever(void*) {
  for (registry& r = signals();;) {
    rt::thread_rests_begin();
    rt::relay_wait();
    rt::thread_rests_end();
    std::vector<cancellation> later;
    {
      const std::lock_guard guard(r.lock);
      later = pass_on(r);
    }
    cancel(later);
  }
}

// By a goroutine: the caller's thread may have a state of its own that the new one must not inherit (RT-08).
void start_thread(registry& r) {
  if (r.thread_started) return;
  wait_group done;
  bool started = false;
  done.add(1);
  detail::spawn_goroutine(nullptr, [&] {
    started = rt::thread_start(pass_on_for_ever, nullptr, "gos-signal", std::size_t{1} << 20);
    done.done();
  });
  done.wait();
  if (!started) rt::fatal("cannot start the thread for signals: the system's limit is reached (ulimit -u)");
  r.thread_started = true;
}

template <class Same> void enter(Same same, registration&& made, signal_mask wanted) {
  registry& r = signals();
  const std::lock_guard guard(r.lock);
  start_thread(r);
  auto found = std::find_if(r.all.begin(), r.all.end(), same);
  if (found == r.all.end()) found = r.all.insert(r.all.end(), std::move(made));
  const signal_mask added = wanted & ~found->signals;
  found->signals |= added;
  for_each_signal(added, [&](int signal) {
    if (r.wanting[signal]++ == 0) rt::relay_enable(signal);
  });
}

template <class Same> void leave(Same same) {
  registry& r = signals();
  std::vector<cancellation> later;
  registration last;  // dies without the lock
  {
    const std::lock_guard guard(r.lock);
    const auto found = std::find_if(r.all.begin(), r.all.end(), same);
    if (found == r.all.end()) return;
    for_each_signal(found->signals, [&](int signal) {
      if (--r.wanting[signal] == 0) rt::relay_disable(signal);
    });
    later = pass_on(r);
    last = std::move(*found);
    r.all.erase(found);
  }
  cancel(later);
}

}  // namespace

const std::error_category& signal_category() noexcept {
  static const auto* const category = new signal_category_type;
  return *category;
}

void detail::signal_notify(send_chan<int> ch, std::initializer_list<int> signals) {
  if (!ch) throw_panic(new panic_record_of<std::string>("os/signal: Notify using nil channel"));
  enter([ch](const registration& one) { return one.channel == ch; }, {ch, {}, 0}, mask_of(signals));
}

void stop_notify(send_chan<int> ch) {
  if (!ch) return;
  leave([&ch](const registration& one) { return one.channel == ch; });
}

cancellable detail::signal_context(const context& parent, std::initializer_list<int> signals) {
  cancellable made = with_cancel(parent);
  const context_ref node = context_access::node(made.ctx);
  rt::as_cancel(node.get())->stop = [](rt::cancel_node& stopped) {
    leave([&stopped](const registration& one) { return one.node.get() == &stopped; });
  };
  enter([](const registration&) { return false; }, {{}, node, 0}, mask_of(signals));
  return made;
}

}  // namespace gos
