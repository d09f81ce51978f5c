// context: cancellation, deadlines and values that follow a request through its goroutines.
//
//   auto [ctx, cancel] = gos::with_timeout(gos::background(), 2s);
//   gos::cancel_guard guard(cancel);                   // or call cancel() on every way out
//   gos::go(fetch, ctx, results);
//   gos::select(gos::recv(results, use),
//               gos::recv(ctx.done(), [&] { log(ctx.err().message()); }));
//
// A context is also a stop condition: every wait of the library that takes one ends when the context is over.
//
//   if (auto ended = table_lock.lock(ctx)) log(ended.message());
//
// Contexts form a tree: cancelling one closes the done channels of all below it before cancel returns,
// and leaves those above alone. The first cancellation wins and is final.
//
// A context is a counted handle and shares in the ownership of everything above it (CX-17); it may
// outlive the scope that made it. Handles may be copied and used from any goroutine or plain thread at
// once; a single handle object must not be assigned to while another goroutine uses it. A
// default-constructed or moved-from handle is no context: using it panics.
// Dropping a cancel_function cancels nothing. A context with a deadline that nobody cancels is kept
// until then; one below a user-written context, until that is done.
//
// Memory: cancel happens before a receive from done() returns, before an err() or cause() that shows
// it, and before the functions of after_func begin.
// Source: Go context/context.go; contract section 10 (CX).
#pragma once

#include <any>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <gossamer/chan.hpp>
#include <gossamer/detail/context_core.hpp>
#include <gossamer/detail/duration.hpp>
#include <gossamer/detail/limit.hpp>
#include <gossamer/detail/spawn.hpp>

namespace gos {

// Why a context is over. Texts are Go's.
enum class context_errc {
  canceled = 1,       // context canceled          == std::errc::operation_canceled
  deadline_exceeded,  // context deadline exceeded == std::errc::timed_out
};
const std::error_category& context_category() noexcept;
inline std::error_code make_error_code(context_errc e) noexcept { return {static_cast<int>(e), context_category()}; }

// What a context of your own derives from; hand it over in a shared_ptr wherever a context is expected:
//
//   class until_shutdown : public gos::context_interface { ... };
//   gos::context ctx = std::make_shared<until_shutdown>();
//
// All functions may be called from any goroutine at any time. done() must always name the same channel,
// and err() must be set before it is closed. Contexts below are cancelled, with its err() and cause(),
// when done() closes: through after_func if the class has one, else by a goroutine that waits for it
// and ends with the context below (CX-16).
class context_interface {
 public:
  context_interface() = default;
  context_interface(const context_interface&) = delete;
  context_interface& operator=(const context_interface&) = delete;
  virtual ~context_interface() = default;

  virtual recv_chan<void> done() const = 0;  // nil: is never cancelled
  virtual std::error_code err() const = 0;
  virtual std::error_code cause() const { return err(); }
  virtual std::optional<time_point> deadline() const { return std::nullopt; }
  // The value for a key, both as std::any; empty: none. Text keys come as std::string.
  virtual std::any value(const std::any& key) const;
  // Arranges that f is called once when done() closes (at once if it has), and returns what takes the
  // arrangement back: true if f will now not be called. An empty result means: not supported.
  virtual std::function<bool()> after_func(std::function<void()> f);
};

class context {
 public:
  context() noexcept = default;
  template <std::derived_from<context_interface> Own>
  context(std::shared_ptr<Own> own) : context(of_interface(std::move(own))) {}

  // Closed when the context is over; nil if that can never be. The same channel each time.
  recv_chan<void> done() const;
  // Empty until the context is over; then why. done() is closed by then (CX-09).
  std::error_code err() const;
  // The earliest deadline at or above this context, if there is one.
  std::optional<time_point> deadline() const;
  // The nearest value for the key; empty if there is none, or if it is no V. Keys match by type and ==;
  // string literals, string_view and std::string are the same type of key. A V of std::string finds
  // string literals too.
  template <class V>
  std::optional<V> value(const auto& key) const {
    using key_type = detail::context_key_type<decltype(key)>;
    if constexpr (std::is_same_v<key_type, std::decay_t<decltype(key)>>) {
      return value_of<V, key_type>(key);
    } else {
      return value_of<V, key_type>(key_type(key));
    }
  }

  explicit operator bool() const noexcept { return node_.get() != nullptr; }
  friend bool operator==(const context& a, const context& b) noexcept { return a.node_.get() == b.node_.get(); }

 private:
  friend struct context_access;
  explicit context(detail::context_ref node) noexcept : node_(std::move(node)) {}
  static context of_interface(std::shared_ptr<context_interface> own);

  template <class V, class K>
  std::optional<V> value_of(const K& key) const {
    const detail::context_found found = detail::context_find(
        node_.get(), {&typeid(K), std::addressof(key), [](const void* k) -> std::any {
                        if constexpr (std::is_copy_constructible_v<K>) return *static_cast<const K*>(k);
                        else return {};
                      }});
    if (found.pair != nullptr) {
      if (const void* exact = found.pair->find(typeid(V))) return *static_cast<const V*>(exact);
      if constexpr (std::is_same_v<V, std::string>) {
        if (const void* text = found.pair->find(typeid(const char*))) return V(*static_cast<const char* const*>(text));
      }
    } else if (const V* own = std::any_cast<V>(&found.own)) {
      return *own;
    }
    return std::nullopt;
  }

  detail::context_ref node_;
};

// Cancels its context, from any goroutine, any number of times; calls after the first do nothing, but
// return only when the first has done its work. Copies cancel the same context.
class cancel_function {
 public:
  cancel_function() noexcept = default;  // calling it panics

  // err() becomes `context canceled`; cause() becomes `cause` if it is one, else the same.
  void operator()() const { (*this)(std::error_code()); }
  void operator()(std::error_code cause) const;

 private:
  friend struct context_access;
  explicit cancel_function(detail::context_ref node) noexcept : node_(std::move(node)) {}

  detail::context_ref node_;
};

struct cancellable {
  context ctx;
  cancel_function cancel;
};

// Cancels at the end of a scope.
class [[nodiscard]] cancel_guard {
 public:
  explicit cancel_guard(cancel_function cancel) noexcept : cancel_(std::move(cancel)) {}
  ~cancel_guard() { cancel_(); }
  cancel_guard(const cancel_guard&) = delete;
  cancel_guard& operator=(const cancel_guard&) = delete;

 private:
  cancel_function cancel_;
};

// The roots: never cancelled, no deadline, no values; done() is nil. todo() says that the right context
// is not at hand yet.
context background();
context todo();

// A context that is over when its cancel is called or the parent is over. All with_... functions panic
// with `cannot create context from nil parent` when the parent is no context.
cancellable with_cancel(const context& parent);

// ... or when the time has come: then err() is `context deadline exceeded`, and cause() is `cause` if
// that is one. A time in the past: is over on return. The parent's deadline holds if it is earlier
// (and then `cause` is not used, CX-07). time_point::max() is no deadline.
cancellable with_deadline(const context& parent, time_point when);
cancellable with_deadline(const context& parent, time_point when, std::error_code cause);

namespace detail {
cancellable context_with_timeout(const context& parent, std::int64_t ns, std::error_code cause);
}

// The same d from now. Any std::chrono duration, saturating.
template <any_duration D>
cancellable with_timeout(const context& parent, D d) {
  return detail::context_with_timeout(parent, detail::to_nanoseconds(d), {});
}
template <any_duration D>
cancellable with_timeout(const context& parent, D d, std::error_code cause) {
  return detail::context_with_timeout(parent, detail::to_nanoseconds(d), cause);
}

// The sentence stays on the line of the name.
// clang-format off
template <class... Cause>
cancellable with_timeout(const context&, std::integral auto, Cause...) = delete;  // a number of what? say with_timeout(ctx, 1s)
// clang-format on

namespace detail {
context context_with_pair(const context& parent, std::unique_ptr<context_pair> pair);
}

// The parent with one value more, for what belongs to a request and crosses interfaces. Keys compare by
// type first: use a type of your own. Panics with `nil key` for a null pointer.
template <class K, class V>
  requires std::equality_comparable<K>
context with_value(const context& parent, K key, V value) {
  if (!parent) detail::context_nil_parent();
  if constexpr (std::is_pointer_v<K> || std::is_null_pointer_v<K>) {
    if (key == nullptr) detail::context_nil_key();
  }
  using pair = detail::context_pair_of<detail::context_key_type<K>, V>;
  return detail::context_with_pair(parent, std::make_unique<pair>(std::move(key), std::move(value)));
}

// The sentence stays on the line of the name.
// clang-format off
template <class K, class V>
  requires(!std::equality_comparable<K>)
context with_value(const context&, K, V) = delete;  // key is not comparable: its type needs operator==
// clang-format on

// The parent's values, and nothing else of it: is over never, or when cancelled on its own.
context without_cancel(const context& parent);

namespace detail {
std::function<bool()> context_after_func(const context& ctx, std::unique_ptr<context_call> call);
}

// Calls f() in a goroutine of its own when ctx is over; at once if it is. Registrations are independent,
// and cancel waits for none of them. The result takes the registration back: true if f will now not be
// called, false if it is (or was taken back already). Dropping it leaves the registration in place.
template <std::invocable F>
[[gnu::always_inline]] inline std::function<bool()> after_func(const context& ctx, F&& f) {
  auto call = std::make_unique<detail::context_call_of<std::decay_t<F>>>(std::forward<F>(f));
  if constexpr (detail::maybe_empty<std::decay_t<F>>) {
    if (call->function == nullptr) detail::spawn_empty_callable();
  }
  return detail::context_after_func(ctx, std::move(call));
}

// A context that is over, too, when a stop is requested. `cancel` must be called when it is no longer needed: until then,
// the parent's end or the request, it is kept. The context is cancelled on the thread that requests the stop.
inline cancellable with_stop(const context& parent, std::stop_token token) {
  struct cancel_on_stop {
    cancel_function cancel;
    // A copy: the end of the context may end the callback while it runs here.
    void operator()() const {
      const cancel_function own = cancel;
      own();
    }
  };
  cancellable made = with_cancel(parent);
  auto watch =
      std::make_shared<std::stop_callback<cancel_on_stop>>(std::move(token), cancel_on_stop{made.cancel});
  after_func(made.ctx, [watch] {});  // keeps the callback until then, and ends it outside of cancel()
  return made;
}

// A token of which a stop is requested when ctx is over, by a goroutine of its own; at once if it is. For code that knows
// std::stop_token only: std::jthread's, std::condition_variable_any's. Kept until the context is over.
inline std::stop_token to_stop_token(const context& ctx) {
  const auto source = std::make_shared<std::stop_source>();
  std::stop_token token = source->get_token();
  if (ctx.err()) source->request_stop();
  else after_func(ctx, [source] { source->request_stop(); });
  return token;
}

// Why ctx is over in the words of who cancelled it: the cause given to the first cancellation in its
// chain, else err(). Empty while it is not over.
std::error_code cause(const context& ctx);

namespace detail {

// A context as a stop condition.
template <> struct stop_traits<context> {
  using result = std::error_code;

  class limit {
   public:
    explicit limit(const context& ctx) : ctx_(ctx), done_(ctx.done()) {}
    bool over() const { return static_cast<bool>(ctx_.err()); }
    select_arm arm() const noexcept {
      select_arm cancelled;
      cancelled.kind = select_kind::recv;
      cancelled.flags = select_flag::limit;
      cancelled.core = chan_access::core(done_);
      return cancelled;
    }
    std::error_code outcome(bool done) const { return done ? std::error_code() : ctx_.err(); }

   private:
    const context& ctx_;
    const recv_chan<void> done_;
  };
};

}  // namespace detail
}  // namespace gos

template <>
struct std::is_error_code_enum<gos::context_errc> : std::true_type {};
