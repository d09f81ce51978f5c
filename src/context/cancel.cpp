// Cancellation: from a node downward, and from above to a new node. See node.hpp.
#include <gossamer/detail/spawn.hpp>
#include <utility>

#include "context/node.hpp"

namespace gos::rt {

namespace {

// What cancelling has come upon and may only be done without locks (INV5).
struct aftermath {
  tree_node* timers = nullptr;  // their timers hold references to them, so they live until stopped
  tree_node* dead = nullptr;    // were owned
  detail::context_call* calls = nullptr;

  void finish() {
    while (tree_node* node = std::exchange(timers, timers != nullptr ? timers->work_next : nullptr)) {
      // Stopped and gone at the end of the scope, and with it perhaps the node.
      timer last = std::move(as_cancel(node)->deadline_timer);
      last.stop();
    }
    while (tree_node* node = std::exchange(dead, dead != nullptr ? dead->work_next : nullptr)) destroy(node);
    while (detail::context_call* call = std::exchange(calls, calls != nullptr ? calls->next : nullptr)) {
      start_call(std::unique_ptr<detail::context_call>(call));
    }
  }
};

void push(tree_node*& list, tree_node& node) noexcept {
  node.work_next = list;
  list = &node;
}

// Under the lock. False: was over.
bool end(cancel_node& node, std::error_code err, std::error_code cause, aftermath& later) {
  // relaxed: written under the lock only.
  if (node.state.load(std::memory_order_relaxed) != cancel_node::stage::live) return false;
  node.err = err;
  node.cause = cause;
  race_release(&node.state);
  // relaxed: written under the lock only.
  if (node.has_done.load(std::memory_order_relaxed)) {
    // release: pairs with is_over(): err and cause are set.
    node.state.store(cancel_node::stage::ending, std::memory_order_release);
    node.done.close();
  }
  // release: pairs with is_over().
  node.state.store(cancel_node::stage::over, std::memory_order_release);
  if (std::exchange(node.has_timer, false)) push(later.timers, node);
  return true;
}

// One channel for all who ask only when it is over.
const chan<void>& closed_channel() {
  static const chan<void>* const channel = [] {
    auto* made = new chan<void>(make_chan<void>());
    made->close();
    return made;
  }();
  return *channel;
}

void follow(cancel_node& child, own_node& own) {
  std::error_code err = own.face->err();
  if (!err) err = make_error_code(context_errc::canceled);
  std::error_code cause = own.face->cause();
  if (!cause) cause = err;
  cancel_tree(child, err, cause);
}

// Below a context of the user's: through its hook, or by a goroutine that waits for either end.
void connect_to_own(cancel_node& child, own_node& own) {
  const recv_chan<void> done = own.face->done();
  if (done == nullptr) return;
  if (own.face->err()) {
    follow(child, own);
    return;
  }
  std::function<bool()> take_back = own.face->after_func([hold = share(&child), above = share(&own)] {
    follow(*as_cancel(hold.get()), *as_own(above.get()));
  });
  if (!take_back) {
    detail::spawn_goroutine(nullptr, [hold = share(&child), above = share(&own), done] {
      auto& node = *as_cancel(hold.get());
      const std::size_t first = select({recv(done), recv(done_of(node))});
      if (first == 0) follow(node, *as_own(above.get()));
    });
    return;
  }
  {
    const lock_guard guard(child);
    if (!is_over(child)) child.take_hook_back = std::move(take_back);
  }
  if (take_back) take_back();
}

}  // namespace

void connect(cancel_node& child) {
  if (child.upper != nullptr) {
    if (!list_below(child, *child.upper)) cancel_tree(child, child.upper->err, child.upper->cause);
  } else if (child.parent->source != nullptr) {
    connect_to_own(child, *as_own(child.parent->source));
  }
}

// Depth first, without recursion: a node's children are taken out one by one; the way back up is `upper`.
void cancel_tree(cancel_node& top, std::error_code err, std::error_code cause) {
  aftermath later;
  std::function<bool()> take_hook_back;
  lock(top);
  if (!end(top, err, cause, later)) {
    top.lock.unlock();  // without an edge: what comes before a cancel that does nothing is not ordered
    return;
  }
  take_hook_back = std::move(top.take_hook_back);
  top.take_hook_back = nullptr;
  cancel_node* at = &top;
  for (;;) {
    tree_node* child = take_child(*at);
    if (child == nullptr) {
      cancel_node* done = at;
      at = done->upper;
      const bool owned = done != &top && done->owned;
      unlock(*done);
      // Not owned: it dies when its last reference goes, which takes the lock that we hold (INV2).
      if (owned) push(later.dead, *done);
      if (done == &top) break;
    } else if (child->kind == context_kind::call) {
      detail::context_call* call = static_cast<call_node*>(child)->call.release();
      call->next = later.calls;
      later.calls = call;
      if (child->owned) push(later.dead, *child);
    } else {
      auto* below = as_cancel(child);
      lock(*below);
      if (end(*below, err, cause, later)) {
        at = below;
      } else {
        const bool owned = below->owned;
        unlock(*below);
        if (owned) push(later.dead, *below);
      }
    }
  }
  if (top.upper != nullptr) unlist(top);
  if (take_hook_back) take_hook_back();
  later.finish();
}

recv_chan<void> done_of(cancel_node& node) {
  // acquire: pairs with the store below.
  if (node.has_done.load(std::memory_order_acquire)) {
    race_acquire(&node.has_done);
    return node.done;
  }
  const lock_guard guard(node);
  // relaxed: written under the lock only.
  if (!node.has_done.load(std::memory_order_relaxed)) {
    node.done = is_over(node) ? closed_channel() : make_chan<void>();
    race_release(&node.has_done);
    // release: pairs with the look above.
    node.has_done.store(true, std::memory_order_release);
  }
  return node.done;
}

}  // namespace gos::rt
