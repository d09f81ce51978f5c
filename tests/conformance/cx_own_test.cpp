// Contract section 10, CX-16: contexts of a user's own.
#include "cx.hpp"

#include <any>
#include <memory>
#include <mutex>

using namespace gos_test;

namespace {

// A context of a user's own.
class own_context : public gos::context_interface {
 public:
  gos::recv_chan<void> done() const override { return done_; }
  std::error_code err() const override {
    const std::lock_guard guard(lock_);
    return err_;
  }
  std::error_code cause() const override { return cause_one; }
  std::any value(const std::any& key) const override {
    const auto* text = std::any_cast<std::string>(&key);
    return text != nullptr && *text == "own" ? std::any(11) : std::any();
  }
  void end(std::error_code err) {
    {
      const std::lock_guard guard(lock_);
      err_ = err;
    }
    done_.close();
  }

 private:
  gos::chan<void> done_ = gos::make_chan<void>();
  mutable gos::mutex lock_;
  std::error_code err_;
};

TEST(CX, CX_16_a_user_written_parent) {
  gos::run([] {
    auto own = std::make_shared<own_context>();
    const gos::context ctx = own;
    EXPECT_EQ(ctx.done(), own->done());
    EXPECT_EQ(ctx.value<int>("own"), 11);
    EXPECT_FALSE(ctx.value<int>("none"));
    auto child = gos::with_cancel(gos::with_value(ctx, "mine", 1));
    auto timed = gos::with_timeout(ctx, 1h);
    EXPECT_EQ(child.ctx.value<int>("own"), 11);
    EXPECT_EQ(child.ctx.value<int>("mine"), 1);
    auto called = gos::make_chan<void>();
    gos::after_func(ctx, [=] { called.send(); });
    auto stop = gos::after_func(ctx, [=] { called.send(); });
    EXPECT_TRUE(stop());
    expect_live(child.ctx);
    // The watchers end with the children.
    auto short_lived = gos::with_cancel(ctx);
    short_lived.cancel();
    expect_over(short_lived.ctx, canceled, canceled);
    EXPECT_TRUE(goroutine_count_settles(1 + 3));
    own->end(cause_two);
    child.ctx.done().recv();
    timed.ctx.done().recv();
    expect_over(child.ctx, cause_two, cause_one);
    expect_over(timed.ctx, cause_two, cause_one);
    EXPECT_EQ(cause(ctx), cause_one);
    called.recv();
    expect_over(gos::with_cancel(ctx).ctx, cause_two, cause_one);
    gos::after_func(ctx, [=] { called.send(); });
    called.recv();
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

class hooked_context : public own_context {
 public:
  std::function<bool()> after_func(std::function<void()> f) override {
    functions.push_back(std::move(f));
    return [this, i = functions.size() - 1] { return std::exchange(functions[i], nullptr) != nullptr; };
  }
  void fire() {
    end(cause_two);
    for (auto& f : functions) {
      if (f) std::exchange(f, nullptr)();
    }
  }
  std::vector<std::function<void()>> functions;
};

TEST(CX, CX_16_its_own_after_func) {
  gos::run([] {
    auto own = std::make_shared<hooked_context>();
    const gos::context ctx = own;
    auto child = gos::with_cancel(ctx);
    auto other = gos::with_cancel(ctx);
    EXPECT_EQ(gos::runtime::num_goroutine(), 1U);
    ASSERT_EQ(own->functions.size(), 2U);
    other.cancel();
    EXPECT_EQ(own->functions[1], nullptr);
    own->fire();
    expect_over(child.ctx, cause_two, cause_one);
    expect_over(other.ctx, canceled, canceled);
  });
}

}  // namespace
