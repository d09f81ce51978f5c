// The life of nodes: counting, changing sides, dying. See node.hpp.
#include "context/node.hpp"

#include <utility>

namespace gos {

namespace rt {

namespace {

void link(tree_node& child, cancel_node& upper) noexcept {
  child.prev = nullptr;
  child.next = upper.children;
  if (upper.children != nullptr) upper.children->prev = &child;
  upper.children = &child;
  child.listed = true;
}

void unlink(tree_node& child, cancel_node& upper) noexcept {
  (child.prev != nullptr ? child.prev->next : upper.children) = child.next;
  if (child.next != nullptr) child.next->prev = child.prev;
  child.listed = false;
}

// A node without references: would anybody notice if it were cancelled?
bool would_be_noticed(const tree_node& node) noexcept {
  if (node.kind == context_kind::call) return true;
  const auto& c = static_cast<const cancel_node&>(node);
  if (c.children != nullptr) return true;
  // acquire: pairs with chan_handle::release() of the last other handle.
  const detail::chan_core* done = detail::chan_access::core(c.done);
  return done != nullptr && done->references.load(std::memory_order_acquire) > 1;
}

// True if the node without references lives on, owned by upper.
bool change_sides(tree_node& node) noexcept {
  const lock_guard guard(*node.upper);
  if (!node.listed) return false;
  if (would_be_noticed(node)) {
    node.owned = true;
    return true;
  }
  unlink(node, *node.upper);
  return false;
}

void destroy_one(context_node* node) noexcept {
  switch (node->kind) {
    case context_kind::value: delete static_cast<value_node*>(node); break;
    case context_kind::own: delete static_cast<own_node*>(node); break;
    case context_kind::cancel: delete static_cast<cancel_node*>(node); break;
    case context_kind::call: delete static_cast<call_node*>(node); break;
    case context_kind::detached: delete node; break;
    case context_kind::root: break;  // for ever
  }
}

}  // namespace

cancel_node* make_cancel_node(context_node* parent) {
  auto* made = new cancel_node;
  detail::context_share(parent);
  made->parent = parent;
  made->source = made;
  if (parent->source != nullptr && parent->source->kind == context_kind::cancel) made->upper = as_cancel(parent->source);
  return made;
}

bool is_over(const cancel_node& node) {
  // acquire: pairs with the stores in end() of cancel.cpp: err and cause are set.
  const cancel_node::stage seen = node.state.load(std::memory_order_acquire);
  if (seen == cancel_node::stage::live) return false;
  race_acquire(&node.state);
  if (seen == cancel_node::stage::ending) node.done.recv();  // INV4
  return true;
}

bool list_below(tree_node& child, cancel_node& upper) {
  const lock_guard guard(upper);
  if (is_over(upper)) return false;
  link(child, upper);
  return true;
}

bool unlist(tree_node& child) noexcept {
  const lock_guard guard(*child.upper);
  if (!child.listed) return false;
  unlink(child, *child.upper);
  return true;
}

tree_node* take_child(cancel_node& node) noexcept {
  tree_node* child = node.children;
  if (child != nullptr) unlink(*child, node);
  return child;
}

// The node, and what it owns: nobody is left who could cancel that.
void destroy(context_node* dead) noexcept {
  if (dead->kind != context_kind::cancel) {
    destroy_one(dead);
    return;
  }
  auto* rest = static_cast<tree_node*>(dead);
  rest->work_next = nullptr;
  while (rest != nullptr) {
    tree_node* node = rest;
    rest = node->work_next;
    if (node->kind == context_kind::cancel) {
      for (tree_node* child = as_cancel(node)->children; child != nullptr; child = child->next) {
        child->work_next = rest;
        rest = child;
      }
    }
    destroy_one(node);
  }
}

}  // namespace rt

namespace detail {

void context_share(context_node* node) noexcept {
  if (node == nullptr || node->kind == context_kind::root) return;
  // relaxed: the caller has a reference, so the node stays.
  node->references.fetch_add(1, std::memory_order_relaxed);
}

void context_drop(context_node* node) noexcept {
  while (node != nullptr && node->kind != context_kind::root) {
    rt::race_release(node);
    // acq_rel: pairs with itself: the last one sees what all others did with the node.
    if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    rt::race_acquire(node);
    context_node* parent = std::exchange(node->parent, nullptr);
    const bool in_tree = node->kind == context_kind::cancel || node->kind == context_kind::call;
    auto* member = in_tree ? static_cast<rt::tree_node*>(node) : nullptr;
    if (member == nullptr || member->upper == nullptr || !rt::change_sides(*member)) rt::destroy(node);
    node = parent;
  }
}

}  // namespace detail
}  // namespace gos
