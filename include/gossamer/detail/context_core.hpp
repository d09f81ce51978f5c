// context_core: the seam between context handles and the tree of contexts in src/context.
#pragma once

#include <any>
#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace gos::detail {

// A context in the tree: a cancellable one, a value, a user's own, ... Counted.
struct context_node;
void context_share(context_node* node) noexcept;
void context_drop(context_node* node) noexcept;

// The one pointer that every handle is. Null: no context.
class context_ref {
 public:
  constexpr context_ref() noexcept = default;
  explicit context_ref(context_node* counted) noexcept : node_(counted) {}  // takes over one reference
  context_ref(const context_ref& other) noexcept : node_(other.node_) { context_share(node_); }
  context_ref(context_ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  context_ref& operator=(context_ref other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~context_ref() { context_drop(node_); }

  context_node* get() const noexcept { return node_; }

 private:
  context_node* node_ = nullptr;
};

// A key that is looked for. `box` makes the std::any that users' own contexts are asked with.
struct context_key {
  const std::type_info* type;
  const void* key;
  std::any (*box)(const void* key);
};

// A key and its value. Immutable.
class context_pair {
 public:
  context_pair() = default;
  context_pair(const context_pair&) = delete;
  context_pair& operator=(const context_pair&) = delete;
  virtual ~context_pair() = default;
  virtual bool matches(const context_key& key) const = 0;
  virtual const void* find(const std::type_info& type) const noexcept = 0;  // the value, if that is its type
};

// Text is a key by its characters, not by its address.
template <class K>
using context_key_type =
    std::conditional_t<std::is_same_v<std::decay_t<K>, const char*> || std::is_same_v<std::decay_t<K>, char*> ||
                           std::is_same_v<std::decay_t<K>, std::string_view>,
                       std::string, std::decay_t<K>>;

template <class K, class V>
class context_pair_of final : public context_pair {
 public:
  template <class K2, class V2>
  context_pair_of(K2&& key, V2&& value) : key_(std::forward<K2>(key)), value_(std::forward<V2>(value)) {}

  bool matches(const context_key& wanted) const override {
    return *wanted.type == typeid(K) && static_cast<bool>(key_ == *static_cast<const K*>(wanted.key));
  }
  const void* find(const std::type_info& type) const noexcept override {
    return type == typeid(V) ? std::addressof(value_) : nullptr;
  }

 private:
  K key_;
  V value_;
};

// The nearest match: in a pair of ours (valid while the context lives), or from a user's own context.
struct context_found {
  const context_pair* pair = nullptr;
  std::any own;
};
context_found context_find(context_node* from, const context_key& key);

// What after_func calls, in a goroutine of its own.
struct context_call {
  context_call() = default;
  context_call(const context_call&) = delete;
  context_call& operator=(const context_call&) = delete;
  virtual ~context_call() = default;
  virtual void call() = 0;

  context_call* next = nullptr;  // of src/context
  void* site = nullptr;          // the statement that registered it
};
template <class F>
struct context_call_of final : context_call {
  template <class F2>
  explicit context_call_of(F2&& f) : function(std::forward<F2>(f)) {}
  void call() override { static_cast<void>(function()); }
  F function;
};
// Panics for what is no context; null checks of the handles.
[[noreturn]] void context_nil_parent();
[[noreturn]] void context_nil_key();

}  // namespace gos::detail
