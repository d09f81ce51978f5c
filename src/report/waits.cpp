// See waits.hpp.
#include "report/waits.hpp"

#include <gossamer/detail/join.hpp>

#include "chan/describe.hpp"
#include "sched/poll_source.hpp"
#include "sync/describe.hpp"

namespace gos::rt {

namespace {

void describe_join(wait_note& note, const void* object) noexcept {
  const auto* state = static_cast<const detail::join_state*>(object);
  const auto* gp = static_cast<const goroutine*>(state->goroutine);
  if (gp == nullptr) return note.add("the end of a goroutine");
  note.add("the end of goroutine %llu", static_cast<unsigned long long>(__atomic_load_n(&gp->id, __ATOMIC_RELAXED)));  // relaxed: a look
}

void describe_io(wait_note& note, const void* object, const goroutine* gp) noexcept {
  const auto* source = static_cast<const poll_source*>(object);
  if (source == nullptr || source->describe == nullptr) return note.add("a descriptor");
  source->describe(source, gp, note);
}

void describe_plain(wait_note& note, const char* kind, const void* object) noexcept {
  note.add_object(kind, object);
  note.add(" (");
  note.mark_parties(object, party::any);
  note.add(")");
}

void describe_object(wait_note& note, wait_reason reason, const void* object, const goroutine* gp) noexcept {
  switch (reason) {
    case wait_reason::chan_receive: return describe_channel(note, object, party::receiver);
    case wait_reason::chan_send: return describe_channel(note, object, party::sender);
    case wait_reason::mutex_lock: return describe_mutex(note, object);
    case wait_reason::shared_mutex_lock_shared:
    case wait_reason::shared_mutex_lock: return describe_shared_mutex(note, object);
    case wait_reason::wait_group_wait: return describe_wait_group(note, object);
    case wait_reason::condition_variable_wait: return describe_plain(note, "sync.Cond", object);
    case wait_reason::once_call: return describe_plain(note, "sync.Once", object);
    case wait_reason::semaphore_acquire: return describe_semaphore(note, object, gp);
    case wait_reason::join: return describe_join(note, object);
    case wait_reason::pthread_mutex_lock: return describe_plain(note, "pthread_mutex_t", object);
    case wait_reason::pthread_cond_wait: return describe_plain(note, "pthread_cond_t", object);
    case wait_reason::pthread_rwlock_lock: return describe_plain(note, "pthread_rwlock_t", object);
    case wait_reason::sem_wait: return describe_plain(note, "sem_t", object);
    case wait_reason::pthread_join: return note.add("the end of a thread");
    case wait_reason::io_wait: return describe_io(note, object, gp);
    case wait_reason::select: return note.add("a stop request");  // the only object that has this reason
    case wait_reason::chan_receive_nil:
    case wait_reason::chan_send_nil: return note.add("a nil channel, for ever");
    case wait_reason::select_no_cases: return note.add("nothing, for ever");
    case wait_reason::sleep:
    case wait_reason::none: return;
  }
}

void describe_arm(wait_note& note, wait_reason reason, const void* object) noexcept {
  describe_object(note, reason, object, nullptr);
}

}  // namespace

void describe_wait(wait_note& note, const goroutine_view& view) noexcept {
  if (view.state != goroutine_state::waiting) return;
  note.limit(view.deadline_ns);
  if (view.wait_object == nullptr) {
    // None, or one that is not known yet: a wait for a descriptor that another one has.
    if (view.reason != wait_reason::select) describe_object(note, view.reason, nullptr, view.gp);
  } else if (!view.held) {
    if (view.reason != wait_reason::select) note.add("%p", view.wait_object);
  } else if (view.reason == wait_reason::select) {
    describe_select(note, *static_cast<const waiting_arms*>(view.wait_object), describe_arm);
  } else {
    describe_object(note, view.reason, view.wait_object, view.gp);
  }
}

}  // namespace gos::rt
