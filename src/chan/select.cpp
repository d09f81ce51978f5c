// select: one operation out of several, exactly once.
//
// 1. Look at all arms without locks and collect those that seem ready. Draw one at random, lock its
//    channel, try. If that fails, draw another. So a select that finds something takes one lock.
// 2. Lock all channels, in address order (so no two selects wait for each other in a circle), and try
//    again. Nothing is ready now at one common instant: that is when `otherwise` may be taken.
// 3. Still under all locks, join the queue of every arm's channel, one waiter per arm, all sharing one
//    claim. Unlock, park. Whoever takes the claim completes that arm; the others pass us by.
// 4. Leave the queues that still hold a waiter of ours.
// Arms on other things than channels (detail::select_object) are tried in step 1 like channels. Before step 2 they are
// joined, one after the other, with the same claim; from then on one of them may win at any moment. So step 2 holds the
// claim while it looks at the channels, and lets it go when they have been joined.
//
// INV1 Drawing without replacement among what seems ready, until one is, gives each arm that is ready
//      the same chance.
// INV2 Only one arm wins, so all receive arms share one place for the element.
// INV3 The claim is free while we hold all locks, so nobody can complete an arm before all are queued,
//      and a partner popped in an attempt is never lost to a wait of our own.
// INV4 While the claim is held, no claim of another select is waited for that could be held itself: a waiter in a
//      channel's queue belongs to a select that has let its claim go, before it unlocked that channel.
// INV5 No user code runs within a step: a value that must be made is made between two tries, in user
//      mode (made_values), and then tried again; handlers are called after.
//
// Rejected: joining queue by queue with one lock at a time. Two selects that meet each other would each
// need both claims at once, which takes a third state of the claim and waiting for each other.
#include "chan/channel.hpp"
#include "chan/describe.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <vector>

#include "chan/nil_chan.hpp"
#include "chan/select_made.hpp"
#include "chan/transfer.hpp"
#include "platform/clock.hpp"
#include "platform/wait_call.hpp"

#include <gossamer/detail/duration.hpp>
#include <gossamer/detail/raise.hpp>
#include <gossamer/detail/select_core.hpp>

namespace gos::rt {

using detail::element_kind;
using detail::select_few;
using detail::select_kind;

namespace {

constexpr std::uint32_t no_arm = UINT32_MAX;
constexpr std::uint32_t no_winner = UINT32_MAX - 2;  // settles a claim: the select tries again
constexpr std::size_t arms_max = 65536;
constexpr std::size_t element_room = 128;  // an element of up to this size needs no allocation

// What the arms amount to, found before entering kernel mode.
struct select_plan {
  std::uint32_t otherwise = no_arm;
  std::uint32_t after = no_arm;  // the arm with the shortest delay
  std::uint32_t live = 0;        // arms on channels that are not nil
  bool values = false;           // some value must be made by user code
  bool objects = false;          // some arm is about something else than a channel
  std::size_t size = 0;          // of the largest element to receive, beyond 16 bytes
  std::size_t alignment = 16;
};

// Tables with a place for every arm.
struct select_tables {
  std::uint32_t* candidates;
  channel** locked;
  waiter* waiters;  // raw memory; constructed for live arms when it comes to waiting
  select_object** objects = nullptr;  // null: no arm has one
};

enum class verdict : std::uint8_t { taken, closed, needs_value, needs_values };
struct choice {
  std::uint32_t arm;
  verdict what;
};

[[gnu::always_inline]] inline select_plan make_plan(const select_arm* const* arms, std::size_t arm_count) {
  select_plan plan;
  for (std::uint32_t i = 0; i < arm_count; ++i) {
    const select_arm& arm = *arms[i];
    if (GOS_LIKELY(is_live(arm))) {
      ++plan.live;
      plan.values |= arm.construct != nullptr;
      const channel& ch = channel_of(arm);
      if (GOS_UNLIKELY(ch.kind >= element_kind::raw_any)) {
        plan.size = std::max(plan.size, ch.type->size);
        plan.alignment = std::max(plan.alignment, ch.type->alignment);
      }
    } else if (arm.kind == select_kind::otherwise) {
      if (plan.otherwise != no_arm) detail::raise_runtime_error("select: more than one otherwise");
      plan.otherwise = i;
    } else if (arm.kind == select_kind::object) {
      plan.objects = true;
    } else if (arm.kind == select_kind::after) {
      if (plan.after == no_arm || arm.delay_ns < arms[plan.after]->delay_ns) plan.after = i;
    }
  }
  return plan;
}

// Without the lock: whether trying makes sense. relaxed: hints; the attempt decides, and what is
// missed here is found under the locks of step 2.
[[gnu::always_inline]] inline bool seems_ready(const select_arm& arm) noexcept {
  if (!is_live(arm)) return arm.kind == select_kind::after && arm.delay_ns <= 0;
  const channel& ch = channel_of(arm);
  const std::size_t count = ch.count.load(std::memory_order_relaxed);
  if (arm.kind == select_kind::recv) {
    return count != 0 || ch.sender_waits.load(std::memory_order_relaxed) ||
           ch.closed.load(std::memory_order_relaxed) || ch.source != nullptr;
  }
  return count < ch.capacity || ch.receiver_waits.load(std::memory_order_relaxed) ||
         ch.closed.load(std::memory_order_relaxed);
}

// Draws candidates until one can be taken: true, with the result in `chosen`. With `locks`, each is
// locked for its attempt; else the caller holds them all. Objects, if there are any, are candidates too.
template <bool locks>
[[gnu::always_inline]] inline bool try_candidates(const select_arm* const* arms, std::size_t arm_count,
                                                  std::uint32_t* candidates, select_object* const* objects,
                                                  void* element, waiter*& woken, choice& chosen) noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < arm_count; ++i) {
    candidates[count] = i;
    count += seems_ready(*arms[i]) || (objects != nullptr && objects[i] != nullptr) ? 1 : 0;
  }
  while (count != 0) {
    const std::uint32_t drawn = count == 1 ? 0 : random_below(count);
    const std::uint32_t i = candidates[drawn];
    const select_arm& arm = *arms[i];
    if (!is_live(arm)) {
      if (arm.kind == select_kind::object && !objects[i]->try_take()) {
        candidates[drawn] = candidates[--count];
        continue;
      }
      chosen = {i, verdict::taken};
      return true;
    }
    channel& ch = channel_of(arm);
    if constexpr (locks) ch.lock.lock();
    attempt result;
    if (arm.kind == select_kind::recv) {
      result = try_recv_locked<elements::any>(ch, this_machines{}, element, woken);
    } else if (GOS_UNLIKELY(arm.construct != nullptr)) {
      if constexpr (locks) ch.lock.unlock();
      chosen = {i, verdict::needs_value};
      return true;
    } else {
      result = try_send_locked<elements::any>(ch, this_machines{}, arm.element_to_send(), woken);
    }
    if constexpr (locks) ch.lock.unlock();
    if (GOS_LIKELY(result != attempt::blocks)) {
      chosen = {i, result == attempt::done ? verdict::taken : verdict::closed};
      return true;
    }
    candidates[drawn] = candidates[--count];
  }
  return false;
}

// Fills `locked` with the channels of all live arms, each once, by address; returns their number.
[[gnu::always_inline]] inline std::size_t sort_channels(const select_arm* const* arms, std::size_t arm_count,
                                                        channel** locked) noexcept {
  std::size_t count = 0;
  const std::less<channel*> before;
  if (GOS_LIKELY(arm_count <= select_few)) {
    for (std::size_t i = 0; i < arm_count; ++i) {
      if (!is_live(*arms[i])) continue;
      channel* ch = &channel_of(*arms[i]);
      std::size_t place = count;
      while (place != 0 && before(ch, locked[place - 1])) --place;
      if (place != 0 && locked[place - 1] == ch) continue;
      for (std::size_t k = count++; k != place; --k) locked[k] = locked[k - 1];
      locked[place] = ch;
    }
    return count;
  }
  for (std::size_t i = 0; i < arm_count; ++i) {
    if (is_live(*arms[i])) locked[count++] = &channel_of(*arms[i]);
  }
  std::sort(locked, locked + count, before);
  return static_cast<std::size_t>(std::unique(locked, locked + count) - locked);
}

// Step 3, under all locks.
[[gnu::always_inline]] inline void join_queues(const select_arm* const* arms, std::size_t arm_count,
                                               waiter* waiters, claim& shared, void* element) noexcept {
  goroutine* gp = self();
  for (std::uint32_t i = 0; i < arm_count; ++i) {
    const select_arm& arm = *arms[i];
    if (!is_live(arm)) continue;
    channel& ch = channel_of(arm);
    waiter& w = *::new (&waiters[i]) waiter;
    w.gp = gp;
    w.shared = &shared;
    w.arm = i;
    if (arm.kind == select_kind::recv) {
      w.data = element;
      race_before_park(ch, w, ch.receivers);
      push_receiver(ch, w);
      if (GOS_UNLIKELY(ch.source != nullptr)) ch.source->wanted(ch);
    } else {
      w.data = arm.element_to_send();
      race_before_park(ch, w, ch.senders);
      push_sender(ch, w);
    }
  }
}

// Step 4.
[[gnu::always_inline]] inline void leave_queues(const select_arm* const* arms, std::size_t arm_count,
                                                waiter* waiters, std::uint32_t winner) noexcept {
  for (std::uint32_t i = 0; i < arm_count; ++i) {
    const select_arm& arm = *arms[i];
    if (!is_live(arm) || i == winner) continue;
    channel& ch = channel_of(arm);
    // Also when our waiter was passed by already: who did so may still be looking at it.
    spin_guard locked(ch.lock);
    if (arm.kind == select_kind::recv) remove_receiver(ch, waiters[i]);
    else remove_sender(ch, waiters[i]);
  }
}

// Joins the objects of all arms and leaves them at the end of the scope.
class joined_objects {
 public:
  // `objects` may be null. Joins none if the select is not going to wait.
  joined_objects(select_object* const* objects, std::size_t arm_count, claim& shared, bool waits) noexcept
      : objects_(objects), shared_(shared) {
    if (objects == nullptr || !waits) return;
    for (std::uint32_t i = 0; i < arm_count && shared.winner() == claim::nobody; ++i) {
      if (objects[i] == nullptr) continue;
      count_ = i + 1;
      if ((taken_ = objects[i]->join(shared, self(), i))) return;
    }
  }
  joined_objects(const joined_objects&) = delete;
  joined_objects& operator=(const joined_objects&) = delete;
  ~joined_objects() {
    const std::uint32_t winner = shared_.winner();
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (objects_[i] != nullptr) objects_[i]->leave(i == winner);
    }
  }

  bool taken() const noexcept { return taken_; }  // by ourselves: no wake-up comes

 private:
  select_object* const* objects_;
  claim& shared_;
  std::uint32_t count_ = 0;
  bool taken_ = false;
};

// Step 1. User mode.
[[gnu::always_inline]] inline bool choose_at_once(const select_arm* const* arms, std::size_t arm_count,
                                                  std::uint32_t* candidates, select_object* const* objects,
                                                  void* element, choice& chosen) noexcept {
  kernel_section kernel;
  waiter* woken = nullptr;
  const bool found = try_candidates<true>(arms, arm_count, candidates, objects, element, woken, chosen);
  if (woken != nullptr) ready(woken->gp);
  return found;
}

// What dumps say of the wait: an object that is waited for alone, or with limits, names itself.
[[gnu::cold]] void park_for_object(const select_arm* const* arms, std::size_t arm_count,
                                   const select_tables& tables) noexcept {
  const auto is_limit = [](const select_arm* arm) { return (arm->flags & detail::select_flag::limit) != 0; };
  if (tables.objects[0] == nullptr || !std::all_of(arms + 1, arms + arm_count, is_limit)) {
    const waiting_arms wait{arms, arm_count, tables.objects, nullptr};
    return park(wait_reason::select, &wait);
  }
  park(static_cast<wait_reason>(tables.objects[0]->reason()), tables.objects[0]->address());
}

// Steps 2 to 4. Kernel mode.
template <bool with_objects>
[[gnu::always_inline]] inline choice wait_for_arm(const select_arm* const* arms, std::size_t arm_count,
                                                  const select_plan& plan, const select_tables& tables,
                                                  void* element) noexcept {
  claim shared;
  const joined_objects joined(with_objects ? tables.objects : nullptr, arm_count, shared,
                              plan.otherwise == no_arm);
  if (with_objects && joined.taken()) return {shared.winner(), verdict::taken};

  const std::size_t channels = sort_channels(arms, arm_count, tables.locked);
  for (std::size_t i = 0; i < channels; ++i) tables.locked[i]->lock.lock();
  const auto unlock_all = [&] {
    for (std::size_t i = channels; i != 0; --i) tables.locked[i - 1]->lock.unlock();
  };
  // What was chosen here and not by a waker.
  const auto settled = [&](choice chosen) {
    if (with_objects) shared.settle(chosen.arm);
    unlock_all();
    return chosen;
  };
  if (with_objects && !shared.hold()) {
    unlock_all();
    park_for_object(arms, arm_count, tables);  // the wake-up is on its way
    return {shared.winner(), verdict::taken};
  }

  waiter* woken = nullptr;
  choice chosen;
  if (try_candidates<false>(arms, arm_count, tables.candidates, nullptr, element, woken, chosen)) {
    settled(chosen);
    if (woken != nullptr) ready(woken->gp);
    return chosen;
  }
  if (plan.otherwise != no_arm) return settled({plan.otherwise, verdict::taken});
  if (GOS_UNLIKELY(plan.values)) return settled({no_winner, verdict::needs_values});

  join_queues(arms, arm_count, tables.waiters, shared, element);
  if (with_objects) shared.release();
  unlock_all();
  timeout_arm timeout;
  if (plan.after != no_arm) {
    const std::int64_t when_ns = detail::moment_after(monotonic_ns(), arms[plan.after]->delay_ns);
    timeout_start(timeout, shared, self(), plan.after, when_ns);
    self()->deadline_ns.store(when_ns, std::memory_order_relaxed);  // relaxed: for dumps
  }
  if (with_objects) {
    park_for_object(arms, arm_count, tables);
  } else {
    const waiting_arms wait{arms, arm_count, nullptr, &shared};
    park(wait_reason::select, &wait);
  }
  if (plan.after != no_arm) {
    self()->deadline_ns.store(goroutine::no_deadline_ns, std::memory_order_relaxed);  // relaxed: as above
    timer_stop(timeout);
  }

  const std::uint32_t winner = shared.winner();
  leave_queues(arms, arm_count, tables.waiters, winner);
  if (!is_live(*arms[winner])) return {winner, verdict::taken};
  const waiter& won = tables.waiters[winner];
  if (arms[winner]->kind == select_kind::recv) race_after_recv(channel_of(*arms[winner]), won);
  else race_after_send(won);
  return {winner, won.ok ? verdict::taken : verdict::closed};
}

[[gnu::cold]] [[noreturn]] void raise_send_on_closed() {
  detail::raise_runtime_error("send on closed channel");
}

// The handler's turn. User mode.
[[gnu::always_inline]] inline std::size_t finish_arm(const select_arm& arm, choice chosen, void* element) {
  if (GOS_UNLIKELY(chosen.what == verdict::closed && arm.kind == select_kind::send)) raise_send_on_closed();
  if (arm.finish != nullptr) arm.finish(arm, chosen.what == verdict::taken ? element : nullptr);
  return chosen.arm;
}

// A drawn arm whose value has just been made: takes it unless it is not ready any more.
bool take_drawn(const select_arm& arm, std::uint32_t i, choice& chosen) noexcept {
  channel& ch = channel_of(arm);
  kernel_section kernel;
  waiter* woken = nullptr;
  ch.lock.lock();
  const attempt result = try_send_locked<elements::any>(ch, this_machines{}, arm.element_to_send(), woken);
  ch.lock.unlock();
  if (woken != nullptr) ready(woken->gp);
  chosen = {i, result == attempt::done ? verdict::taken : verdict::closed};
  return result != attempt::blocks;
}

// Any number of arms, any size of elements, values to be made, arms on other things than channels.
[[gnu::noinline]] std::size_t select_at_large(const select_arm* const* arms, std::size_t arm_count,
                                              select_plan plan) {
  select_arena arena;
  void* element = arena.raw(std::max(plan.size, std::size_t{16}), plan.alignment);
  choice chosen;
  {
    made_values values(arms, arm_count, arena);
    const made_objects objects(arms, plan.objects ? arm_count : 0, arena);
    const select_tables tables{arena.array<std::uint32_t>(arm_count + 1), arena.array<channel*>(arm_count),
                               arena.array<waiter>(arm_count), plan.objects ? objects.table() : nullptr};
    for (;;) {
      if (!choose_at_once(values.arms(), arm_count, tables.candidates, tables.objects, element, chosen)) {
        kernel_section kernel;
        chosen = plan.objects ? wait_for_arm<true>(values.arms(), arm_count, plan, tables, element)
                              : wait_for_arm<false>(values.arms(), arm_count, plan, tables, element);
      }
      if (chosen.what == verdict::needs_value) {
        values.make(chosen.arm);
        if (take_drawn(*values.arms()[chosen.arm], chosen.arm, chosen)) break;
      } else if (chosen.what == verdict::needs_values) {
        values.make_all();
        plan.values = false;
      } else {
        break;
      }
    }
  }
  return finish_arm(*arms[chosen.arm], chosen, element);
}

// SE-11: a single arm is the plain operation.
[[gnu::noinline]] std::size_t select_one(const select_arm& arm) {
  select_arena arena;
  if (arm.kind == select_kind::recv) {
    const detail::element_type* type = is_live(arm) ? channel_of(arm).type : &detail::element_type_of<void>;
    void* element = arena.raw(std::max<std::size_t>(type->size, 1), type->alignment);
    const bool ok = detail::chan_recv_on(arm.core, element);
    return finish_arm(arm, {0, ok ? verdict::taken : verdict::closed}, element);
  }
  if (is_live(arm) && arm.construct != nullptr) {
    const select_arm* list[] = {&arm};
    made_values values(list, 1, arena);
    values.make(0);
    detail::chan_send_on(arm.core, values.arms()[0]->element);
  } else {
    detail::chan_send_on(arm.core, arm.element_to_send());
  }
  return finish_arm(arm, {0, verdict::taken}, nullptr);
}

// The ordinary select that found nothing at once. In tail position, with the tables in its own frame.
[[gnu::noinline]] std::size_t select_wait(const select_arm* const* arms, std::size_t arm_count,
                                          std::uint32_t otherwise, std::uint32_t after) {
  alignas(16) std::byte element[element_room];
  std::uint32_t candidates[select_few + 1];
  channel* locked[select_few];
  alignas(waiter) std::byte waiters[select_few * sizeof(waiter)];
  const select_tables tables{candidates, locked, reinterpret_cast<waiter*>(waiters)};
  select_plan plan;
  plan.otherwise = otherwise;
  plan.after = after;
  choice chosen;
  {
    kernel_section kernel;
    chosen = wait_for_arm<false>(arms, arm_count, plan, tables, element);
  }
  return finish_arm(*arms[chosen.arm], chosen, element);
}

}  // namespace

}  // namespace gos::rt

namespace gos::detail {

using namespace gos::rt;  // the cores are the seam's names and the runtime's means

std::size_t select_run(const select_arm* const* arms, std::size_t arm_count) {
  if (GOS_UNLIKELY(arm_count > arms_max)) raise_runtime_error("select: too many cases (max 65536)");
  const select_plan plan = make_plan(arms, arm_count);
  if (plan.live == 0 && !plan.objects && plan.otherwise == no_arm && plan.after == no_arm && arm_count != 1) {
    select_nothing();
  }
  if (arm_count == 1 && arms[0]->kind <= select_kind::send) return select_one(*arms[0]);
  if (GOS_UNLIKELY(arm_count > select_few || plan.values || plan.objects || plan.size > element_room ||
                   plan.alignment > 16)) {
    return select_at_large(arms, arm_count, plan);
  }
  {
    alignas(16) std::byte element[element_room];
    std::uint32_t candidates[select_few + 1];
    choice chosen;
    if (choose_at_once(arms, arm_count, candidates, nullptr, element, chosen)) {
      return finish_arm(*arms[chosen.arm], chosen, element);
    }
  }
  return wait_call(&select_wait, arms, arm_count, plan.otherwise, plan.after);
}

std::size_t select_run_many(const select_arm* arms, std::size_t arm_count) {
  if (arm_count > arms_max) raise_runtime_error("select: too many cases (max 65536)");
  std::vector<const select_arm*> list(arm_count);
  for (std::size_t i = 0; i < arm_count; ++i) list[i] = &arms[i];
  return select_run(list.data(), arm_count);
}

}  // namespace gos::detail
