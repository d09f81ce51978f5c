// broadcast, watch and oneshot: small types over channels.
#include <gossamer/broadcast.hpp>
#include <gossamer/oneshot.hpp>
#include <gossamer/watch.hpp>

#include "fixture.hpp"

namespace gos_test {
namespace {

using gos::recv_status;

TEST(Broadcast, every_subscriber_gets_every_value) {
  gos::broadcast<int> numbers;
  auto a = numbers.subscribe(100);
  auto b = numbers.subscribe(100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(numbers.send(i), 2u);
  numbers.close();
  numbers.close();
  for (const auto* s : {&a, &b}) {
    int next = 0;
    for (const int got : s->channel()) EXPECT_EQ(got, next++);
    EXPECT_EQ(next, 100);
  }
  EXPECT_EQ(numbers.send(1), 0u);
  EXPECT_EQ(numbers.subscribe().channel().try_recv().error(), recv_status::closed);
}

TEST(Broadcast, a_slow_subscriber_loses_its_oldest_values_and_is_told) {
  gos::broadcast<int> numbers;
  auto slow = numbers.subscribe(3);
  auto quick = numbers.subscribe(10);
  for (int i = 0; i < 10; ++i) numbers.send(i);
  EXPECT_EQ(slow.lagged(), 7u);
  EXPECT_EQ(slow.lagged(), 0u);
  EXPECT_EQ(quick.lagged(), 0u);
  EXPECT_EQ(slow.channel().recv(), 7);
  EXPECT_EQ(quick.channel().recv(), 0);
}

TEST(Broadcast, a_subscription_ends_with_its_handle) {
  gos::broadcast<int> numbers;
  {
    auto first = numbers.subscribe();
    auto moved = std::move(first);
    EXPECT_EQ(numbers.send(1), 1u);
    EXPECT_EQ(moved.channel().recv(), 1);
    moved = numbers.subscribe();
    EXPECT_EQ(numbers.send(2), 1u);
  }
  EXPECT_EQ(numbers.send(3), 0u);
}

TEST(Broadcast, is_selected_and_closes_when_it_goes) {
  auto numbers = std::make_unique<gos::broadcast<std::string>>();
  auto mine = numbers->subscribe();
  gos::wait_group ended;
  ended.go([&] {
    std::string got;
    EXPECT_EQ(gos::select({gos::recv(gos::chan<int>()),
                           gos::recv(mine.channel(), [&](std::optional<std::string> s) { got = *s; })}),
              1u);
    EXPECT_EQ(got, "hello");
    EXPECT_EQ(mine.channel().recv(), std::nullopt);
  });
  numbers->send("hello");
  gos::sleep(1ms);
  numbers.reset();
  ended.wait();
}

TEST(Broadcast, many_senders_are_seen_in_one_order) {
  gos::broadcast<int> numbers;
  const int n = rounds(1000);
  std::vector<gos::subscription<int>> subscribers;
  for (int i = 0; i < 3; ++i) subscribers.push_back(numbers.subscribe(static_cast<std::size_t>(4 * n)));
  gos::wait_group sent;
  for (int id = 0; id < 4; ++id) {
    sent.go([&, id] {
      for (int i = 0; i < n; ++i) numbers.send(id * n + i);
    });
  }
  sent.wait();
  numbers.close();
  std::vector<std::vector<int>> seen;
  for (const auto& s : subscribers) {
    seen.emplace_back();
    for (const int got : s.channel()) seen.back().push_back(got);
  }
  EXPECT_EQ(seen[0].size(), static_cast<std::size_t>(4 * n));
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
}

// Whatever is lost is counted, while receivers take values out at the same time.
TEST(Broadcast, received_and_lagged_add_up) {
  gos::broadcast<int> numbers;
  auto mine = numbers.subscribe(4);
  const int n = rounds(20000);
  std::uint64_t received = 0;
  gos::wait_group ended;
  ended.go([&] {
    int last = -1;
    for (const int got : mine.channel()) {
      EXPECT_GT(got, last);
      last = got;
      ++received;
    }
  });
  for (int i = 0; i < n; ++i) {
    numbers.send(i);
    if (i % 7 == 0) gos::yield();
  }
  numbers.close();
  ended.wait();
  EXPECT_EQ(received + mine.lagged(), static_cast<std::uint64_t>(n));
}

TEST(Watch, subscribers_see_the_newest_value) {
  gos::watch<std::string> name("first");
  auto changes = name.subscribe();
  auto from_now = name.subscribe(true);
  EXPECT_EQ(name.get(), "first");
  EXPECT_EQ(changes.channel().try_recv().error(), recv_status::empty);
  EXPECT_EQ(from_now.channel().recv(), "first");
  name.set("second");
  name.update([](std::string& s) { s += " and third"; });
  EXPECT_EQ(changes.channel().recv(), "second and third");
  EXPECT_EQ(changes.channel().try_recv().error(), recv_status::empty) << "each change once";
  EXPECT_EQ(from_now.channel().recv(), "second and third");
  name.close();
  EXPECT_EQ(changes.channel().recv(), std::nullopt);
  name.set("later");
  EXPECT_EQ(name.get(), "later");
}

TEST(Watch, the_last_change_always_arrives) {
  const int n = rounds(5000);
  gos::watch<int> number(0);
  gos::wait_group ended;
  for (int i = 0; i < 3; ++i) {
    ended.go([&, changes = number.subscribe()] {
      int last = 0;
      while (last != 2 * n) {
        const int got = changes.channel().recv().value();
        EXPECT_GT(got, last);
        last = got;
      }
    });
  }
  for (int id = 0; id < 2; ++id) {
    ended.go([&] {
      for (int i = 0; i < n; ++i) number.update([](int& x) { ++x; });
    });
  }
  ended.wait();
}

TEST(Oneshot, carries_one_value) {
  auto [sender, receiver] = gos::make_oneshot<std::unique_ptr<int>>();
  auto value = std::make_unique<int>(5);
  EXPECT_TRUE(sender.send(std::move(value)));
  EXPECT_EQ(value, nullptr);
  value = std::make_unique<int>(6);
  EXPECT_FALSE(sender.send(std::move(value))) << "only once";
  EXPECT_EQ(*value, 6);
  EXPECT_EQ(*receiver.recv().value(), 5);
  EXPECT_FALSE(receiver.recv());
}

TEST(Oneshot, a_sender_that_goes_is_noticed) {
  auto pair = gos::make_oneshot<int>();
  gos::go([sender = std::move(pair.sender)] { gos::sleep(1ms); });
  bool ended = false;
  gos::select(
      {gos::recv(pair.receiver.channel(), [&](std::optional<int> v) { ended = !v; }), gos::after(1h, [] {})});
  EXPECT_TRUE(ended);
}

TEST(Oneshot, a_receiver_that_goes_is_noticed) {
  auto pair = gos::make_oneshot<std::string>();
  EXPECT_FALSE(pair.sender.is_gone());
  gos::go([receiver = std::move(pair.receiver)] { gos::sleep(1ms); });
  pair.sender.gone().recv();
  EXPECT_TRUE(pair.sender.is_gone());
  std::string text = "kept";
  EXPECT_FALSE(pair.sender.send(std::move(text)));
  EXPECT_EQ(text, "kept");
}

}  // namespace
}  // namespace gos_test
