// chan_core: every kind of element through every way a value can take - the ring, its wrap-around, a
// waiting receiver, a waiting sender, a full ring with a waiting sender - and what the channel keeps.
#include "inside.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <ranges>
#include <string>

namespace {

using namespace gos_test;

struct three {
  char bytes[3];
};
struct twelve {
  int words[3];
};
struct big {
  std::int64_t words[20];
};
struct alignas(64) line {
  std::int64_t words[8];
};
struct alignas(128) owning_line {
  std::unique_ptr<int> value;
};
struct nothing {};

template <class T> T make(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return "a string that is too long for its own buffer " + std::to_string(n);
  } else if constexpr (std::is_same_v<T, std::unique_ptr<int>>) {
    return std::make_unique<int>(n);
  } else if constexpr (std::is_same_v<T, owning_line>) {
    return {std::make_unique<int>(n)};
  } else if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<T>(n % 100);
  } else if constexpr (std::is_same_v<T, three>) {
    return {{static_cast<char>(n % 100), 'x', static_cast<char>(n % 50)}};
  } else if constexpr (std::is_same_v<T, nothing>) {
    return {};
  } else if constexpr (std::is_same_v<T, std::array<std::int64_t, 2>>) {
    return {n, -n};
  } else {
    T made{};
    for (auto& word : made.words) word = static_cast<std::remove_reference_t<decltype(word)>>(n++);
    return made;
  }
}

template <class T> bool same(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, std::unique_ptr<int>>) return *a == *b;
  else if constexpr (std::is_same_v<T, owning_line>) return *a.value == *b.value;
  else if constexpr (std::is_same_v<T, nothing>) return true;
  else if constexpr (std::is_trivially_copyable_v<T>) return std::memcmp(&a, &b, sizeof(T)) == 0;
  else return a == b;
}

template <class T> class Elements : public testing::Test {};
using element_types =
    testing::Types<char, std::int16_t, three, int, std::int64_t, double, twelve, std::array<std::int64_t, 2>,
                   big, line, nothing, std::string, std::unique_ptr<int>, owning_line>;
TYPED_TEST_SUITE(Elements, element_types);

TYPED_TEST(Elements, RingKeepsOrderOverItsEnd) {
  auto ch = gos::make_chan<TypeParam>(3);
  int sent = 0, received = 0;
  for (int round = 0; round < 20; ++round) {
    while (ch.try_send(make<TypeParam>(sent))) ++sent;
    EXPECT_EQ(ch.size(), 3u);
    for (int k = 0; k < 1 + round % 3; ++k) {
      auto got = ch.try_recv();
      ASSERT_TRUE(got.has_value());
      EXPECT_TRUE(same(*got, make<TypeParam>(received++)));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*got) % alignof(TypeParam), 0u);
    }
  }
}

TYPED_TEST(Elements, HandedToAWaitingReceiver) {
  for (std::size_t capacity : {0, 1}) {
    auto ch = gos::make_chan<TypeParam>(capacity);
    auto got = gos::spawn([ch] { return ch.recv(); });
    ASSERT_TRUE(eventually([&] { return receiver_waits(ch); }));
    EXPECT_TRUE(ch.try_send(make<TypeParam>(7)));
    EXPECT_EQ(ch.size(), 0u);
    EXPECT_TRUE(same(got.join().value(), make<TypeParam>(7)));
    EXPECT_TRUE(without_trace(ch));
  }
}

TYPED_TEST(Elements, TakenFromAWaitingSender) {
  for (std::size_t capacity : {0, 1, 2}) {
    auto ch = gos::make_chan<TypeParam>(capacity);
    for (std::size_t i = 0; i < capacity; ++i) ch.send(make<TypeParam>(static_cast<int>(i)));
    auto sender = gos::spawn([ch] { ch.send(make<TypeParam>(50)); });
    ASSERT_TRUE(eventually([&] { return sender_waits(ch); }));
    for (std::size_t i = 0; i < capacity; ++i) {
      EXPECT_TRUE(same(ch.try_recv().value(), make<TypeParam>(static_cast<int>(i))));
    }
    EXPECT_TRUE(same(ch.try_recv().value(), make<TypeParam>(50)));
    sender.join();
    EXPECT_TRUE(without_trace(ch));
  }
}

TEST(ChanCore, OneLine) {
  EXPECT_LE(sizeof(gos::rt::channel), gos::rt::cache_line_size + 16);
  EXPECT_EQ(sizeof(gos::chan<int>), sizeof(void*));
  EXPECT_EQ(sizeof(gos::recv_chan<void>), sizeof(void*));
}

TEST(ChanCore, CapacityLimits) {
  EXPECT_EQ(panic_text([] { (void)gos::make_chan<int>(static_cast<std::size_t>(-1)); }),
            "makechan: size out of range");
  EXPECT_EQ(panic_text([] { (void)gos::make_chan<void>(static_cast<std::size_t>(-1)); }),
            "makechan: size out of range");
  EXPECT_EQ(panic_text([] { (void)gos::make_chan<big>(std::size_t{1} << 41); }),
            "makechan: size out of range");
  // No element, no memory: only the count is limited.
  auto events = gos::make_chan<void>(std::size_t{1} << 62);
  for (int i = 0; i < 1000; ++i) events.send();
  EXPECT_EQ(events.size(), 1000u);
  EXPECT_EQ(events.capacity(), std::size_t{1} << 62);
  EXPECT_TRUE(events.recv());
}

TEST(ChanCore, ElementsEndWithTheLastHandle) {
  counted::reset();
  {
    auto ch = gos::make_chan<counted>(4);
    for (int i = 0; i < 4; ++i) ch.send(counted(i));
    EXPECT_EQ(ch.recv()->value, 0);
    EXPECT_EQ(ch.recv()->value, 1);
    ch.send(counted(4));  // the ring wraps around
    EXPECT_EQ(counted::alive, 3);
    auto other = ch;
    ch = nullptr;
    EXPECT_EQ(counted::alive, 3);
  }
  EXPECT_EQ(counted::alive, 0);
  EXPECT_EQ(counted::copies, 0);
}

TEST(ChanCore, TrySendCopiesOnlyIfItSends) {
  counted::reset();
  auto ch = gos::make_chan<counted>(1);
  const counted value(5);
  EXPECT_TRUE(ch.try_send(value));
  EXPECT_EQ(counted::copies, 1);
  EXPECT_FALSE(ch.try_send(value));
  EXPECT_EQ(counted::copies, 1);
}

struct explosive {
  explosive() = default;
  explosive(const explosive&) { throw std::string("no copy"); }
  explosive(explosive&&) noexcept {}
};

TEST(ChanCore, ThrowingCopyLeavesTheChannelUsable) {
  auto ch = gos::make_chan<explosive>(1);
  const explosive value;
  EXPECT_THROW(ch.send(value), std::string);
  EXPECT_THROW((void)ch.try_send(value), std::string);
  EXPECT_EQ(ch.size(), 0u);
  EXPECT_TRUE(ch.try_send(explosive()));
  EXPECT_EQ(ch.size(), 1u);
  EXPECT_TRUE(without_trace(ch));
}

TEST(ChanCore, UnsentValuesAreUntouched) {
  auto closed = gos::make_chan<std::unique_ptr<int>>(1);
  closed.close();
  auto full = gos::make_chan<std::unique_ptr<int>>();
  auto value = std::make_unique<int>(3);
  EXPECT_EQ(panic_text([&] { closed.send(std::move(value)); }), "send on closed channel");
  EXPECT_FALSE(full.try_send(std::move(value)));
  EXPECT_EQ(panic_text([&] { (void)closed.try_send(std::move(value)); }), "send on closed channel");
  auto sender = gos::spawn([&] { return panic_text([&] { full.send(std::move(value)); }); });
  ASSERT_TRUE(eventually([&] { return sender_waits(full); }));
  full.close();
  EXPECT_EQ(sender.join(), "send on closed channel");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(*value, 3);
}

TEST(ChanCore, CloseReleasesAll) {
  auto ch = gos::make_chan<int>();
  std::atomic<int> released{0};
  for (int i = 0; i < 10; ++i) {
    gos::go([&, ch] {
      if (!ch.recv().has_value()) ++released;
    });
  }
  ASSERT_TRUE(eventually([&] {
    gos::rt::kernel_section kernel;
    gos::rt::spin_guard locked(inside(ch).lock);
    int waiting = 0;
    for (auto* w = inside(ch).receivers.first(); w != nullptr; w = w->next) ++waiting;
    return waiting == 10;
  }));
  ch.close();
  EXPECT_TRUE(eventually([&] { return released == 10; }));
  EXPECT_TRUE(without_trace(ch));
}

TEST(ChanCore, TakeTakesNoMore) {
  auto ch = gos::make_chan<int>(5);
  for (int i = 0; i < 5; ++i) ch.send(i);
  int sum = 0;
  for (int v : ch | std::views::take(3)) sum += v;
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(ch.size(), 2u);
  for (int v : ch) {
    sum += v;
    break;
  }
  EXPECT_EQ(ch.size(), 1u);
}

TEST(ChanCore, RangeOwnsItsChannel) {
  auto ch = gos::make_chan<std::string>(2);
  ch.send("one");
  ch.send("two");
  ch.close();
  std::string all;
  for (std::string s : ch) {
    ch = nullptr;
    all += s;
  }
  EXPECT_EQ(all, "onetwo");
}

TEST(ChanCore, ChannelsOfChannels) {
  using reply = gos::chan<int>;
  auto requests = gos::make_chan<reply>();
  gos::go([requests] {
    for (reply r : requests) r.send(42);
  });
  auto mine = gos::make_chan<int>();
  requests.send(mine);
  EXPECT_EQ(mine.recv(), 42);
  requests.close();
}

}  // namespace
