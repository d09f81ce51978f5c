// node: the tree of contexts, and who keeps whom alive.
//
// Every context has a node; a node points up to its parent. Looking up (a value, the err of a context
// that has no cancellation of its own) follows these pointers. Cancellation goes down: a cancel_node
// lists the cancel_nodes and the registrations of after_func (call_nodes) directly below it, whatever
// value nodes lie between; `upper` of those is that cancel_node.
//
// Ownership. Go's collector frees a child that nobody can reach from either side; counting needs a
// rule. A node is counted by its handles, by the nodes that point up to it, and by its timer. So a node
// in use keeps everything above it. When the count of a listed node falls to zero it either goes away,
// or, if cancelling it would still be noticed (somebody holds its done channel, or there are calls or
// such nodes below it), changes sides: it drops its parent and from then on is owned by `upper`, to be
// cancelled with it or to die with it uncancelled.
//
// INV1 A node that is not owned holds a reference to its parent; so `upper` lives. An owned node is in
//      upper's list, and dies at the latest with it; so `upper` lives.
// INV2 `listed`, `owned` and the list's links are guarded by upper->lock. A node that is listed is
//      unlisted, under that lock, before it dies; so whoever holds the lock may use what is listed.
// INV3 Locks are taken downward: upper's, then the child's. Cancelling holds the locks of the path it
//      is on, so that nobody gets to see a half-cancelled tree through a second cancel (CX-02).
// INV4 Nobody gets to see an err while done is open (CX-09), nor done closed without an err: between
//      both changes the state is `ending`, and whoever asks then waits for the close.
// INV5 User code (destructors of calls, hooks, spawned functions) and releases of references run
//      without any of these locks.
// Rejected: one lock per tree: a server's requests would share its root's. Recursion: a chain of
//      contexts may be longer than a goroutine's stack is deep.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <gossamer/context.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/select.hpp>
#include <gossamer/time.hpp>
#include <memory>
#include <optional>
#include <system_error>

#include "base/race.hpp"

namespace gos {

// How the cores reach into handles.
struct context_access {
  static context make(detail::context_ref node) noexcept { return context(std::move(node)); }
  static const detail::context_ref& node(const context& ctx) noexcept { return ctx.node_; }
  static cancel_function make_cancel(detail::context_ref node) noexcept { return cancel_function(std::move(node)); }
};

namespace detail {

enum class context_kind : std::uint8_t { root, value, detached /* without_cancel */, own, cancel, call };

struct context_node {
  explicit context_node(context_kind k) noexcept : kind(k) {}
  context_node(const context_node&) = delete;
  context_node& operator=(const context_node&) = delete;

  const context_kind kind;
  std::atomic<std::uint32_t> references{1};
  context_node* parent = nullptr;  // counted; null for roots, users' own, and owned nodes
  // Where done, err and deadline come from: the nearest node, this one included, of kind own or cancel;
  // null: never cancelled. Immutable; lives as long as the parents do.
  context_node* source = nullptr;
};

}  // namespace detail

namespace rt {

using detail::context_kind;
using detail::context_node;
using detail::context_ref;

struct value_node : context_node {
  value_node() noexcept : context_node(context_kind::value) {}
  std::unique_ptr<detail::context_pair> pair;
};

struct own_node : context_node {
  own_node() noexcept : context_node(context_kind::own) {}
  std::shared_ptr<context_interface> face;
};

struct cancel_node;

// What a cancel_node can list.
struct tree_node : context_node {
  using context_node::context_node;
  cancel_node* upper = nullptr;  // immutable once the node is handed out
  tree_node* next = nullptr;     // INV2
  tree_node* prev = nullptr;
  bool listed = false;
  bool owned = false;
  tree_node* work_next = nullptr;  // of whoever has taken the node out, see cancel.cpp
};

struct call_node : tree_node {
  call_node() noexcept : tree_node(context_kind::call) {}
  std::unique_ptr<detail::context_call> call;  // guarded by upper->lock while listed
  std::atomic<bool> taken_back{false};         // where there is no upper
};

struct cancel_node : tree_node {
  enum class stage : std::uint32_t { live, ending, over };

  cancel_node() noexcept : tree_node(context_kind::cancel) {}

  // Immutable once the node is handed out.
  std::optional<time_point> own_deadline;
  // Called after each cancel_function of this node, also one that comes too late: a context of signals goes on
  // suppressing them until then.
  void (*stop)(cancel_node& node) = nullptr;

  // live -> over, once; by way of ending if done exists. Written under lock; read by anybody.
  std::atomic<stage> state{stage::live};
  // Written before state is no longer live, immutable then.
  std::error_code err;
  std::error_code cause;
  // True: done is set, for ever. Written under lock; read by anybody.
  std::atomic<bool> has_done{false};

  // Guarded by lock.
  mutex lock;
  chan<void> done;
  tree_node* children = nullptr;
  bool has_timer = false;
  timer deadline_timer;                  // its function holds a reference to this node
  std::function<bool()> take_hook_back;  // the user-written parent's; likewise
};

// The node's lock. src is not instrumented for the race detector, so the edges are stated here: what
// one holder allocates, another may free.
inline void lock(cancel_node& node) {
  node.lock.lock();
  race_acquire(&node.lock);
}
inline void unlock(cancel_node& node) {
  race_release(&node.lock);
  node.lock.unlock();
}
class lock_guard {
 public:
  explicit lock_guard(cancel_node& node) : node_(node) { lock(node_); }
  ~lock_guard() { unlock(node_); }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;

 private:
  cancel_node& node_;
};

inline cancel_node* as_cancel(context_node* node) noexcept { return static_cast<cancel_node*>(node); }
inline own_node* as_own(context_node* node) noexcept { return static_cast<own_node*>(node); }

inline context_ref share(context_node* node) noexcept {
  detail::context_share(node);
  return context_ref(node);
}

// If so err and cause may be read, and done is closed. With or without the lock.
bool is_over(const cancel_node& node);

// A new live node below parent, not yet connected to anything that could cancel it.
cancel_node* make_cancel_node(context_node* parent);
// Lists the node with its upper. False: that is over already.
bool list_below(tree_node& child, cancel_node& upper);
// True if it was listed and is no longer.
bool unlist(tree_node& child) noexcept;
// node.lock held: takes a child out of the list, or null. What is owned is then the caller's.
tree_node* take_child(cancel_node& node) noexcept;
void destroy(context_node* node) noexcept;

// Connects a new node: from now on it is cancelled with what is above it; perhaps it is already on
// return. Unlocked; the caller has a reference.
void connect(cancel_node& child);
// Cancels the node and all below it. Unlocked; the caller has a reference.
void cancel_tree(cancel_node& top, std::error_code err, std::error_code cause);

recv_chan<void> done_of(cancel_node& node);

// Runs the call in a goroutine of its own.
void start_call(std::unique_ptr<detail::context_call> call);

}  // namespace rt
}  // namespace gos
