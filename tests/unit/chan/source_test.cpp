// channel_source: the extension point, with a source that is filled by hand instead of by a clock.
#include "inside.hpp"

#include <gossamer/select.hpp>

namespace {

using namespace gos_test;

struct faucet : gos::rt::channel {
  faucet();
  // Under the lock, which TSan does not see; so atomic.
  std::atomic<int> next = 0;
  std::atomic<bool> open = false;
  std::atomic<int> wanted_calls = 0, unwanted_calls = 0;
  static inline int destroyed = 0;

  static faucet& of(gos::rt::channel& ch) { return static_cast<faucet&>(ch); }

  // One element becomes available; as the expiry of a timer.
  void drip() {
    gos::rt::kernel_section kernel;
    lock.lock();
    gos::rt::waiter* w = gos::rt::pop_receiver(*this);
    if (w != nullptr) {
      *static_cast<int*>(w->data) = next++;
      w->ok = true;
      gos::rt::race_release(w);
    } else {
      open = true;
    }
    lock.unlock();
    if (w != nullptr) gos::rt::ready(w->gp);
  }
};

constexpr gos::rt::channel_source hand_filled{
    .ready = [](gos::rt::channel& ch) noexcept { return faucet::of(ch).open.load(); },
    .take =
        [](gos::rt::channel& ch, void* to) noexcept {
          faucet::of(ch).open = false;
          *static_cast<int*>(to) = faucet::of(ch).next++;
        },
    .wanted = [](gos::rt::channel& ch) noexcept { ++faucet::of(ch).wanted_calls; },
    .unwanted = [](gos::rt::channel& ch) noexcept { ++faucet::of(ch).unwanted_calls; },
    .destroy =
        [](gos::rt::channel& ch) noexcept {
          ++faucet::destroyed;
          delete &faucet::of(ch);
        },
};

faucet::faucet() : channel(0, gos::detail::element_type_of<int>, &hand_filled) {}

TEST(Source, Receive) {
  auto* f = new faucet;
  const int destroyed = faucet::destroyed;
  {
    auto ch = gos::detail::chan_access::make<gos::recv_chan<int>>(f);
    EXPECT_EQ(ch.size() + ch.capacity(), 0u);
    EXPECT_EQ(ch.try_recv().error(), gos::recv_status::empty);
    f->drip();
    EXPECT_EQ(ch.recv(), 0);
    f->drip();
    EXPECT_EQ(ch.try_recv().value(), 1);
    EXPECT_EQ(f->wanted_calls, 0);
    auto waiting = gos::spawn([ch] { return ch.recv(); });
    ASSERT_TRUE(eventually([&] { return f->wanted_calls == 1; }));  // the last that it does before it waits
    EXPECT_TRUE(receiver_waits(ch));
    f->drip();
    EXPECT_EQ(waiting.join(), 2);
  }
  EXPECT_EQ(faucet::destroyed, destroyed + 1);
}

TEST(Source, Select) {
  auto* f = new faucet;
  auto ch = gos::detail::chan_access::make<gos::recv_chan<int>>(f);
  auto other = gos::make_chan<int>();
  int got = -1;
  const auto round = [&] {
    return gos::select({gos::recv(other), gos::recv(ch, [&](std::optional<int> v) { got = v.value(); })});
  };
  f->drip();
  EXPECT_EQ(round(), 1u);
  EXPECT_EQ(got, 0);
  EXPECT_EQ(f->wanted_calls, 0);

  auto waiting = gos::spawn(round);
  ASSERT_TRUE(eventually([&] { return receiver_waits(ch); }));
  f->drip();
  EXPECT_EQ(waiting.join(), 1u);
  EXPECT_EQ(got, 1);
  EXPECT_EQ(f->wanted_calls, 1);
  EXPECT_EQ(f->unwanted_calls, 0);

  auto leaving = gos::spawn(round);
  ASSERT_TRUE(eventually([&] { return receiver_waits(other); }));
  other.send(1);
  EXPECT_EQ(leaving.join(), 0u);
  EXPECT_EQ(f->unwanted_calls, 1);
  EXPECT_TRUE(without_trace(ch));
  EXPECT_EQ(gos::select({gos::recv(ch), gos::otherwise()}), 1u);
}

}  // namespace
