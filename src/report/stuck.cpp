// stuck: goroutines that nobody alive can ever wake (DL-11, DL-12).
//
// S is the greatest set of waiting goroutines without a limit in which each waits
//   (a) on a nil channel, or on nothing: nobody knows that wait; or
//   (b) to send or receive on channels that are no timers, as it stands or in a select over nothing else, and all handles of
//       each of these channels lie in memory that belongs to goroutines of S: in their callables, as captured by value, or
//       where the handle lies by which the goroutine waits, on its own stack, or in an arm of its select; and nothing
//       outside of S has a reference to that memory; or
//   (c) for a mutex, or a shared_mutex that a writer has, and who holds it is in S or has ended.
// What is not in S may be stuck all the same: that cannot be proved by counting.
//
// How it is found, while everybody else goes on.
//   1. Each waiting goroutine is held for a moment (sched/inspect.hpp) and marked: its state becomes `examined`. Whoever wakes
//      it overwrites the state, and a new wait begins with another.
//   2. Each is held once more. Its callable is searched for handles; of the channels it waits on the number of handles is
//      read, and who is queued there; of its mutex, who holds it and that it still queues.
//   3. The greatest set is computed. The memory in which its handles lie is looked for in the memory of the process
//      (references.hpp) and on the stacks of all other goroutines; then the set is computed again without what is referred to.
//   4. Those whose mark is gone are taken out, and the set is computed for the last time.
//
// Why that is sound. All of S have been marked before step 2 began and were at step 4: so none of them ran meanwhile,
// their memory is what it was, and they held their locks all the time. A wake-up may come before its park (INV3 of
// goroutine.hpp) and so before the mark; therefore only who is queued, or whose select nobody has won, counts as waiting.
// For (b): at the moment when the number of handles was read it was that of the handles in S. A new handle is made of another
// one, and all of them are in S, where nobody reads them: there is no reference. So there has been none since, and will
// be none. For (c): a lock's word changes only by its holder, who is in S; or who has ended, and will not unlock.
//
// What that takes for granted: who locks a mutex unlocks it, as with std::mutex; no reference is hidden from a search (kept in
// a file, compressed, or at this moment only in a register of a thread that runs).
//
// Rejected: counting alone (a lambda that captures the handle by reference could still send); words on the stack that look
// like the channel (spilled registers, not handles).
#include "report/stuck.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstring>

#include "chan/channel.hpp"
#include "chan/describe.hpp"
#include "report/holders.hpp"
#include "report/references.hpp"
#include "report/stuck_set.hpp"
#include "sched/inspect.hpp"
#include "sync/holders.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t arms_max = 16;     // a select with more is not judged
constexpr std::uint32_t nobody = UINT32_MAX;
constexpr std::uint32_t outside = reference::outside;

enum class wait_kind : std::uint8_t { for_ever, channels, lock };

struct candidate {
  goroutine* gp;
  std::uint64_t id;
  goroutine_state before;  // the mark
  wait_kind kind;
  bool queued;             // as the proof wants it
  bool ended_holder;
  bool in;
  bool handles_in_callable;
  bool handles_on_stack;
  detail::holder_word holder_word;
  std::uint8_t channel_count;
  std::uint32_t holder;    // candidate, nobody, or outside
  wait_reason reason;
  std::uintptr_t not_object;  // complemented, as the next four: here they are no references
  std::uintptr_t not_stack_low, not_stack_high, not_closure_low, not_closure_high;
  const channel* channels[arms_max];

  const void* object() const noexcept { return reinterpret_cast<const void*>(~not_object); }
};

struct channel_facts {
  const channel* ch;
  std::uint32_t references;  // 0: not read
  bool walked;
};

class analysis {
 public:
  explicit analysis(const void* frame) : frame_(frame) {}
  ~analysis() { unmark(); }
  analysis(const analysis&) = delete;
  analysis& operator=(const analysis&) = delete;

  std::vector<std::uint64_t> run() {
    if (!inspect_sees_stacks()) return {};
    const crowd_section crowd;  // channels are looked at in user mode
    visit<&analysis::mark_one>();
    std::sort(all_.begin(), all_.end(), [](const candidate& a, const candidate& b) { return a.gp < b.gp; });
    list_channels();
    visit<&analysis::look_at_one>();
    find_holders();
    for (candidate& c : all_) c.in = true;
    settle();
    if (referable()) {
      find_references_to_handles();
      settle();
    }
    for (candidate& c : all_) {
      // acquire: pairs with nothing: who overwrote the mark is not in S, whatever it did.
      if (c.gp->state.load(std::memory_order_acquire) != goroutine_state::examined) c.in = false;
    }
    settle();
    std::vector<std::uint64_t> ids;
    for (const candidate& c : all_) {
      if (c.in) ids.push_back(c.id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

 private:
  template <void (analysis::*visitor)(const goroutine_view&)> void visit() {
    between();
    inspect_options options;
    options.stacks = false;
    options.between = [](void* self) { static_cast<analysis*>(self)->between(); };
    inspect_goroutines(
        options, [](const goroutine_view& view, void* self) { (static_cast<analysis*>(self)->*visitor)(view); }, this);
  }

  // Room for what one batch may add: visitors do not allocate. What does not fit is left out, and so not certain.
  void between() {
    const auto room = [](auto& table, std::size_t more) {
      if (table.capacity() - table.size() < more) table.reserve(2 * table.capacity() + more);
    };
    room(all_, inspect_batch_max);
    room(handles_, all_.size() + inspect_batch_max * 32);  // all of them may be queued at one channel
    room(references_, inspect_batch_max * 32);
  }
  template <class T> static bool add(std::vector<T>& table, const T& one) noexcept {
    if (table.size() == table.capacity()) return false;
    table.push_back(one);
    return true;
  }

  // Step 1. Held.
  void mark_one(const goroutine_view& view) {
    if (!view.held || view.fresh || view.state != goroutine_state::waiting) return;
    if (view.deadline_ns != goroutine::no_deadline_ns) return;
    candidate c{};
    c.gp = view.gp;
    c.id = view.id;
    c.reason = view.reason;
    c.not_object = ~reinterpret_cast<std::uintptr_t>(view.wait_object);
    c.holder = nobody;
    if (!sort_of_wait(c)) return;
    c.not_stack_low = ~reinterpret_cast<std::uintptr_t>(view.stack_pointer);
    c.not_stack_high = ~reinterpret_cast<std::uintptr_t>(view.stack.top());
    const auto closure = reinterpret_cast<std::uintptr_t>(view.gp->closure);
    c.not_closure_low = ~closure;
    c.not_closure_high = ~(closure + closure_size(view.gp));
    c.before = view.gp->state.load(std::memory_order_relaxed);  // relaxed: the exchange decides
    if (c.before == goroutine_state::runnable || c.before == goroutine_state::running) return;
    if (all_.size() == all_.capacity()) return;
    // acq_rel: the mark comes before the looks of step 2. relaxed: woken, and no candidate.
    if (view.gp->state.compare_exchange_strong(c.before, goroutine_state::examined, std::memory_order_acq_rel,
                                               std::memory_order_relaxed)) {
      all_.push_back(c);
    }
  }

  static bool sort_of_wait(candidate& c) noexcept {
    switch (c.reason) {
      case wait_reason::chan_receive_nil:
      case wait_reason::chan_send_nil:
      case wait_reason::select_no_cases: c.kind = wait_kind::for_ever; return c.queued = true;
      case wait_reason::chan_receive:
      case wait_reason::chan_send:
        c.kind = wait_kind::channels;
        return add_channel(c, static_cast<const channel*>(c.object()));
      case wait_reason::select: c.kind = wait_kind::channels; return add_arms(c);
      case wait_reason::mutex_lock:
      case wait_reason::shared_mutex_lock:
      case wait_reason::shared_mutex_lock_shared: c.kind = wait_kind::lock; return c.object() != nullptr;
      default: return false;
    }
  }

  static bool add_channel(candidate& c, const channel* ch) noexcept {
    if (ch == nullptr || ch->source != nullptr) return false;
    for (std::size_t i = 0; i < c.channel_count; ++i) {
      if (c.channels[i] == ch) return true;
    }
    if (c.channel_count == arms_max) return false;
    c.channels[c.channel_count++] = ch;
    return true;
  }

  static bool add_arms(candidate& c) noexcept {
    const auto* wait = static_cast<const waiting_arms*>(c.object());
    if (wait == nullptr || wait->shared == nullptr || wait->objects != nullptr) return false;
    for (std::size_t i = 0; i < wait->arm_count; ++i) {
      const detail::select_arm& arm = *wait->arms[i];
      if (arm.kind != detail::select_kind::recv && arm.kind != detail::select_kind::send) return false;
      if (arm.core != nullptr && !add_channel(c, static_cast<const channel*>(arm.core))) return false;
    }
    return true;
  }

  static std::size_t closure_size(const goroutine* gp) noexcept {
    if (gp->closure == gp->inline_closure) return goroutine::inline_closure_size;
    return gp->closure != nullptr ? ::malloc_usable_size(gp->closure) : 0;
  }

  void list_channels() {
    for (const candidate& c : all_) {
      for (std::size_t i = 0; i < c.channel_count; ++i) channels_.push_back({c.channels[i], 0, false});
    }
    const auto before = [](const channel_facts& a, const channel_facts& b) { return a.ch < b.ch; };
    std::sort(channels_.begin(), channels_.end(), before);
    channels_.erase(std::unique(channels_.begin(), channels_.end(),
                                [](const channel_facts& a, const channel_facts& b) { return a.ch == b.ch; }),
                    channels_.end());
  }

  std::uint32_t channel_index(const void* ch) const noexcept {
    const auto at = std::partition_point(channels_.begin(), channels_.end(),
                                         [=](const channel_facts& f) { return static_cast<const void*>(f.ch) < ch; });
    return at != channels_.end() && at->ch == ch ? static_cast<std::uint32_t>(at - channels_.begin()) : nobody;
  }
  candidate* find(const goroutine* gp) noexcept {
    const auto at = std::partition_point(all_.begin(), all_.end(), [=](const candidate& c) { return c.gp < gp; });
    return at != all_.end() && at->gp == gp ? &*at : nullptr;
  }
  std::uint32_t index_of(const candidate& c) const noexcept { return static_cast<std::uint32_t>(&c - all_.data()); }

  // Step 2. Held, if it is a candidate that still waits.
  void look_at_one(const goroutine_view& view) {
    candidate* const c = find(view.gp);
    // relaxed: it is held, or not looked at.
    if (c == nullptr || !view.held || c->id != view.id ||
        view.gp->state.load(std::memory_order_relaxed) != goroutine_state::examined) {
      return;
    }
    handles_in(*c, ~c->not_closure_low, ~c->not_closure_high);
    if (c->kind == wait_kind::lock) look_at_lock(*c);
    if (c->kind == wait_kind::channels && c->reason == wait_reason::select) look_at_select(*c);
    for (std::size_t i = 0; i < c->channel_count; ++i) look_at_channel(channels_[channel_index(c->channels[i])]);
  }

  // Captures by value. A handle is one pointer, and is null when it has been moved from or destroyed.
  void handles_in(candidate& c, std::uintptr_t low, std::uintptr_t high) noexcept {
    for (std::uintptr_t at = (low + 7) & ~std::uintptr_t{7}; at + sizeof(void*) <= high; at += sizeof(void*)) {
      const std::uint32_t ch = channel_index(*reinterpret_cast<void* const*>(at));
      if (ch != nobody && add(handles_, {index_of(c), ch})) c.handles_in_callable = true;
    }
  }

  // Of every channel once: who is queued there, by which handle, and how many handles there are.
  void look_at_channel(channel_facts& facts) noexcept {
    if (facts.walked) return;
    auto& ch = const_cast<channel&>(*facts.ch);
    if (!lock_for_note(ch.lock)) return;
    for (const wait_queue* queue : {&ch.receivers, &ch.senders}) {
      for (const waiter* w = queue->first(); w != nullptr; w = w->next) {
        candidate* const c = w->shared == nullptr ? find(w->gp) : nullptr;
        if (c == nullptr || c->kind != wait_kind::channels || c->object() != facts.ch) continue;
        c->queued = true;
        handle_on_stack(*c, static_cast<const chan_waiter*>(w)->handle, channel_index(facts.ch));
      }
    }
    // relaxed: see the proof: others count for nothing once they are equal.
    facts.references = ch.references.load(std::memory_order_relaxed);
    facts.walked = true;
    ch.lock.unlock();
  }

  // The handle by which it waits, if that lies on its own stack.
  void handle_on_stack(candidate& c, const void* handle, std::uint32_t ch) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(handle);
    if (at >= ~c.not_stack_low && at < ~c.not_stack_high && add(handles_, {index_of(c), ch})) c.handles_on_stack = true;
  }

  void look_at_select(candidate& c) noexcept {
    const auto& wait = *static_cast<const waiting_arms*>(c.object());
    c.queued = wait.shared->winner() == claim::nobody;
    for (std::size_t i = 0; i < wait.arm_count; ++i) {
      const detail::select_arm& arm = *wait.arms[i];
      // In its callable it has been counted with that.
      if (arm.core != nullptr && (arm.flags & detail::select_flag::counted) != 0) {
        handle_on_stack(c, &arm, channel_index(arm.core));
      }
    }
  }

  void look_at_lock(candidate& c) noexcept {
    lock_holder held;
    if (c.reason == wait_reason::mutex_lock) {
      const auto& lock = *static_cast<const mutex*>(c.object());
      c.queued = detail::lock_access::queues(lock, c.gp);
      held = detail::lock_access::holder(lock);
    } else {
      const auto& lock = *static_cast<const shared_mutex*>(c.object());
      c.queued = detail::lock_access::queues(lock, c.gp);
      held = detail::lock_access::holder(lock);
    }
    c.holder_word = held.locked ? held.holder : 0;
  }

  // Between the visits: whose stack is it? One that is in has not moved since.
  void find_holders() {
    std::vector<goroutine_stack> stacks;
    for (candidate& c : all_) {
      c.holder = outside;
      const std::byte* const base = c.holder_word != 0 ? holder_stack(c.holder_word) : nullptr;
      if (base == nullptr) continue;
      if (stacks.empty()) stacks = goroutine_stacks();
      const auto at = std::partition_point(stacks.begin(), stacks.end(), [=](const goroutine_stack& one) { return one.base < base; });
      c.ended_holder = at == stacks.end() || at->base != base;
      if (const candidate* const who = !c.ended_holder ? find(at->gp) : nullptr) c.holder = index_of(*who);
    }
  }

  // Step 3: takes out who may be woken by somebody who is not in.
  void settle() {
    std::vector<wait_for> channels, holders;
    std::vector<std::uint32_t> handle_counts;
    std::vector<bool> in;
    for (const candidate& c : all_) {
      const std::uint32_t own = index_of(c);
      const bool held_outside = c.kind == wait_kind::lock && !c.ended_holder && c.holder == outside;
      in.push_back(c.in && c.queued && !held_outside);
      for (std::size_t i = 0; i < c.channel_count; ++i) channels.push_back({own, channel_index(c.channels[i])});
      if (c.kind == wait_kind::lock && c.holder != outside) holders.push_back({own, c.holder});
    }
    for (const channel_facts& f : channels_) handle_counts.push_back(f.walked ? f.references : 0);
    keep_stuck({handles_, references_, channels, holders, handle_counts}, in);
    for (candidate& c : all_) c.in = in[index_of(c)];
  }

  bool referable() const noexcept {
    return std::any_of(all_.begin(), all_.end(), [](const candidate& c) { return c.in && c.kind == wait_kind::channels; });
  }

  void find_references_to_handles() {
    range_set own;      // of those that are in: what must not be referred to
    range_set ignored;  // their records, the channels, what lies below the asker's frame
    for (const candidate& c : all_) {
      if (!c.in) continue;
      const bool within = c.gp->closure == c.gp->inline_closure;
      // Where it was left is the runtime's own knowledge: that address itself is no reference.
      if (c.handles_on_stack) own.add({c.not_stack_low - 1, c.not_stack_high, index_of(c)});
      if (c.handles_in_callable) own.add({c.not_closure_low, c.not_closure_high, index_of(c)});
      ignored.add(address_range::of(c.gp, c.gp + 1, 0));
      if (!within) ignored.add({c.not_closure_low, c.not_closure_high, 0});
    }
    for (const channel_facts& f : channels_) {
      if (f.walked) ignored.add(address_range::of(f.ch, f.ch + 1, 0));
    }
    ignored.add(address_range::of(all_.data(), all_.data() + all_.capacity(), 0));
    constexpr std::size_t below = std::size_t{1} << 20;
    if (!on_goroutine()) ignored.add(address_range::of(static_cast<const char*>(frame_) - below, frame_, 0));
    own.sort();
    ignored.sort();
    own_ = &own;
    const bool complete = find_references(
        own, ignored,
        [](std::uint32_t to, void* self) { static_cast<analysis*>(self)->refer(to, outside); }, this);
    visit<&analysis::references_of_one>();
    if (!complete || overflowed_) {
      for (candidate& c : all_) {
        if (c.kind == wait_kind::channels) c.in = false;
      }
    }
  }

  void refer(std::uint32_t to, std::uint32_t from) {
    if (to == last_.to && from == last_.from) return;
    last_ = {to, from};
    if (!add(references_, last_)) overflowed_ = true;
  }

  // The stacks of all, and the callables of those that are in; the others' have been looked at with the rest of the memory.
  void references_of_one(const goroutine_view& view) {
    const candidate* const c = find(view.gp);
    const bool in = c != nullptr && c->id == view.id && c->in;
    const std::uint32_t from = in ? index_of(*c) : outside;
    if (in) words(~c->not_closure_low, ~c->not_closure_high, from);
    if (view.held && !view.fresh) {
      words(reinterpret_cast<std::uintptr_t>(view.stack_pointer), reinterpret_cast<std::uintptr_t>(view.stack.top()), from);
      return;
    }
    if (view.fresh) return;
    // It runs: from where is not known, unless it is who asks.
    stack_slot slot;
    const goroutine* const me = on_goroutine() ? current_goroutine() : nullptr;
    // relaxed: a snapshot.
    if (!stack_find(__atomic_load_n(&view.gp->stack_base, __ATOMIC_RELAXED), &slot, nullptr)) return;
    const void* const low = view.gp == me ? frame_ : slot.low();
    words(reinterpret_cast<std::uintptr_t>(low), reinterpret_cast<std::uintptr_t>(slot.top()), from);
  }

#if defined(GOS_ASAN)
  __attribute__((no_sanitize("address")))
#endif
  void words(std::uintptr_t low, std::uintptr_t high, std::uint32_t from) noexcept {
    for (std::uintptr_t at = (low + 7) & ~std::uintptr_t{7}; at + sizeof(void*) <= high; at += sizeof(void*)) {
      const std::uintptr_t word = *reinterpret_cast<const std::uintptr_t*>(at);
      if (word - low < high - low) continue;  // to itself
      const address_range* const target = own_->find(word);
      if (target != nullptr && target->owner != from) refer(target->owner, from);
    }
  }

  void unmark() noexcept {
    for (const candidate& c : all_) {
      goroutine_state expected = goroutine_state::examined;
      // relaxed, both: for dumps and the stack scanner.
      c.gp->state.compare_exchange_strong(expected, c.before, std::memory_order_relaxed, std::memory_order_relaxed);
    }
  }

  const void* const frame_;
  std::vector<candidate> all_;  // by record, from step 2 on
  std::vector<channel_facts> channels_;
  std::vector<handle_at> handles_;
  std::vector<reference> references_;
  const range_set* own_ = nullptr;
  reference last_{nobody, nobody};
  bool overflowed_ = false;
};

}  // namespace

std::vector<std::uint64_t> certainly_stuck(const void* frame) { return analysis(frame).run(); }

}  // namespace gos::rt
