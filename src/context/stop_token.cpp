// stop_token: contexts and std::stop_token, each as the other.
#include <memory>
#include <stop_token>
#include <utility>

#include <gossamer/context.hpp>

namespace gos {

namespace {

struct cancel_on_stop {
  cancel_function cancel;
  // A copy: the end of the context may end the callback while it runs here.
  void operator()() const {
    const cancel_function own = cancel;
    own();
  }
};

}  // namespace

cancellable with_stop(const context& parent, std::stop_token token) {
  cancellable made = with_cancel(parent);
  auto watch = std::make_shared<std::stop_callback<cancel_on_stop>>(std::move(token), cancel_on_stop{made.cancel});
  after_func(made.ctx, [watch] {});  // keeps the callback until then, and ends it outside of cancel()
  return made;
}

std::stop_token to_stop_token(const context& ctx) {
  const auto source = std::make_shared<std::stop_source>();
  std::stop_token token = source->get_token();
  if (ctx.err()) source->request_stop();
  else after_func(ctx, [source] { source->request_stop(); });
  return token;
}

}  // namespace gos
