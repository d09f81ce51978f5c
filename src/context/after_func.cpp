// after_func: calls that follow a cancellation. See node.hpp.
#include <gossamer/detail/spawn.hpp>
#include <memory>
#include <utility>

#include "context/node.hpp"

namespace gos {

namespace rt {

void start_call(std::unique_ptr<detail::context_call> call) {
  void* const site = call->site;
  auto body = [call = std::move(call)] { call->call(); };
  detail::spawn_call_of<detail::bound_call<decltype(body)>>(site, nullptr, std::move(body));
}

namespace {

// Takes a registration back. `own`: the node between it and a context of the user's, which has to be
// ended for the sake of who watches there.
bool take_back(call_node& registration, const context_ref& own) {
  if (registration.upper == nullptr) {
    // Below nothing that could be cancelled: an exchange decides who of several is the first.
    // acq_rel: pairs with itself. (relaxed would do: nothing is published.)
    return !registration.taken_back.exchange(true, std::memory_order_acq_rel);
  }
  if (!unlist(registration)) return false;
  if (own.get() != nullptr) {
    const std::error_code canceled = make_error_code(context_errc::canceled);
    cancel_tree(*as_cancel(own.get()), canceled, canceled);
  }
  return true;
}

}  // namespace
}  // namespace rt

std::function<bool()> detail::context_after_func(const context& ctx, std::unique_ptr<context_call> call) {
  context_node* parent = context_access::node(ctx).get();
  if (parent == nullptr) context_nil_parent();
  call->site = __builtin_return_address(0);
  context_ref own;
  if (parent->source != nullptr && parent->source->kind == context_kind::own) {
    own = context_ref(rt::make_cancel_node(parent));
    rt::connect(*rt::as_cancel(own.get()));
    parent = own.get();
  }
  auto made = std::make_unique<rt::call_node>();
  made->call = std::move(call);
  context_share(parent);
  made->parent = parent;
  rt::call_node& registration = *made;
  const context_ref handle(made.release());
  if (parent->source != nullptr) {
    registration.upper = rt::as_cancel(parent->source);
    if (!rt::list_below(registration, *registration.upper)) rt::start_call(std::move(registration.call));
  }
  return [handle, own] { return rt::take_back(*static_cast<rt::call_node*>(handle.get()), own); };
}

}  // namespace gos
