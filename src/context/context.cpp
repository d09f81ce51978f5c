// The public calls: making contexts, asking them. See include/gossamer/context.hpp; the tree is in node.hpp.
#include <gossamer/detail/panic_record.hpp>
#include <gossamer/detail/raise.hpp>
#include <string>
#include <utility>

#include "context/node.hpp"

namespace gos {

namespace {

using detail::context_kind;
using detail::context_node;
using detail::context_ref;

[[noreturn]] void panic_with(const char* text) {
  detail::throw_panic(new detail::panic_record_of<std::string>(text));
}

context_node* node_of(const context& ctx) {
  context_node* node = context_access::node(ctx).get();
  if (node == nullptr) detail::raise_runtime_error("invalid memory address or nil pointer dereference");
  return node;
}

context_node* parent_of(const context& ctx) {
  context_node* node = context_access::node(ctx).get();
  if (node == nullptr) detail::context_nil_parent();
  return node;
}

class context_category_type final : public std::error_category {
 public:
  const char* name() const noexcept override { return "context"; }
  std::string message(int code) const override {
    switch (static_cast<context_errc>(code)) {
      case context_errc::canceled: return "context canceled";
      case context_errc::deadline_exceeded: return "context deadline exceeded";
    }
    return "unknown";
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (static_cast<context_errc>(code)) {
      case context_errc::canceled: return std::errc::operation_canceled;
      case context_errc::deadline_exceeded: return std::errc::timed_out;
    }
    return {code, *this};
  }
};

// Roots live for ever: they are counted by nobody, so that all may share them without a word in common.
context root(int which) {
  static context_node* const roots[] = {new context_node(context_kind::root), new context_node(context_kind::root)};
  return context_access::make(context_ref(roots[which]));
}

cancellable handles(const context_ref& node) {
  return {context_access::make(node), context_access::make_cancel(node)};
}

}  // namespace

const std::error_category& context_category() noexcept {
  static const auto* const category = new context_category_type;
  return *category;
}

void detail::context_nil_parent() { panic_with("cannot create context from nil parent"); }
void detail::context_nil_key() { panic_with("nil key"); }

std::any context_interface::value(const std::any&) const { return {}; }
std::function<bool()> context_interface::after_func(std::function<void()>) { return {}; }

context context::of_interface(std::shared_ptr<context_interface> own) {
  if (own == nullptr) return {};
  auto made = std::make_unique<rt::own_node>();
  made->face = std::move(own);
  made->source = made.get();
  return context(context_ref(made.release()));
}

recv_chan<void> context::done() const {
  context_node* source = node_of(*this)->source;
  if (source == nullptr) return {};
  return source->kind == context_kind::own ? rt::as_own(source)->face->done() : rt::done_of(*rt::as_cancel(source));
}

std::error_code context::err() const {
  context_node* source = node_of(*this)->source;
  if (source == nullptr) return {};
  if (source->kind == context_kind::own) return rt::as_own(source)->face->err();
  return rt::is_over(*rt::as_cancel(source)) ? rt::as_cancel(source)->err : std::error_code();
}

std::error_code cause(const context& ctx) {
  context_node* source = node_of(ctx)->source;
  if (source == nullptr) return {};
  if (source->kind == context_kind::own) {
    const context_interface& own = *rt::as_own(source)->face;
    const std::error_code err = own.err();
    if (!err) return {};
    const std::error_code why = own.cause();
    return why ? why : err;
  }
  return rt::is_over(*rt::as_cancel(source)) ? rt::as_cancel(source)->cause : std::error_code();
}

std::optional<time_point> context::deadline() const {
  for (context_node* source = node_of(*this)->source; source != nullptr; source = source->parent->source) {
    if (source->kind == context_kind::own) return rt::as_own(source)->face->deadline();
    if (rt::as_cancel(source)->own_deadline) return rt::as_cancel(source)->own_deadline;
  }
  return std::nullopt;
}

detail::context_found detail::context_find(context_node* from, const context_key& key) {
  if (from == nullptr) raise_runtime_error("invalid memory address or nil pointer dereference");
  for (context_node* node = from; node != nullptr; node = node->parent) {
    if (node->kind == context_kind::value) {
      const context_pair* pair = static_cast<rt::value_node*>(node)->pair.get();
      if (pair->matches(key)) return {pair, {}};
    } else if (node->kind == context_kind::own) {
      return {nullptr, rt::as_own(node)->face->value(key.box(key.key))};
    }
  }
  return {};
}

context background() { return root(0); }
context todo() { return root(1); }

cancellable with_cancel(const context& parent) {
  const context_ref node(rt::make_cancel_node(parent_of(parent)));
  rt::connect(*rt::as_cancel(node.get()));
  return handles(node);
}

cancellable with_deadline(const context& parent, time_point when) { return with_deadline(parent, when, {}); }

cancellable with_deadline(const context& parent, time_point when, std::error_code cause) {
  context_node* above = parent_of(parent);
  const std::optional<time_point> earlier = parent.deadline();
  if (when == time_point::max() || (earlier && *earlier < when)) return with_cancel(parent);
  const context_ref node(rt::make_cancel_node(above));
  rt::cancel_node& made = *rt::as_cancel(node.get());
  made.own_deadline = when;
  rt::connect(made);
  const std::error_code err = make_error_code(context_errc::deadline_exceeded);
  if (!cause) cause = err;
  const time_point present = now();
  if (when <= present) {
    rt::cancel_tree(made, err, cause);
    return handles(node);
  }
  const rt::lock_guard guard(made);
  if (!rt::is_over(made)) {
    made.deadline_timer = after_func(when - present, [node, err, cause] { rt::cancel_tree(*rt::as_cancel(node.get()), err, cause); });
    made.has_timer = true;
  }
  return handles(node);
}

cancellable detail::context_with_timeout(const context& parent, std::int64_t ns, std::error_code cause) {
  const std::int64_t when = moment_after(now_ns(), ns);
  return with_deadline(parent, time_point(std::chrono::nanoseconds(when)), cause);
}

context detail::context_with_pair(const context& parent, std::unique_ptr<context_pair> pair) {
  context_node* above = parent_of(parent);
  auto made = std::make_unique<rt::value_node>();
  made->pair = std::move(pair);
  context_share(above);
  made->parent = above;
  made->source = above->source;
  return context_access::make(context_ref(made.release()));
}

context without_cancel(const context& parent) {
  context_node* above = parent_of(parent);
  auto made = std::make_unique<context_node>(context_kind::detached);
  detail::context_share(above);
  made->parent = above;
  return context_access::make(context_ref(made.release()));
}

void cancel_function::operator()(std::error_code cause) const {
  if (node_.get() == nullptr) detail::raise_runtime_error("invalid memory address or nil pointer dereference");
  const std::error_code err = make_error_code(context_errc::canceled);
  rt::cancel_node& node = *rt::as_cancel(node_.get());
  rt::cancel_tree(node, err, cause ? cause : err);
  if (node.stop != nullptr) node.stop(node);
}

}  // namespace gos
