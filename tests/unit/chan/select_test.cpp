// select: sizes and numbers beyond the ordinary, values that must be made, and what losing arms leave.
#include "inside.hpp"

#include <gossamer/select.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace gos_test;
using gos::after;
using gos::otherwise;
using gos::recv;
using gos::select;
using gos::select_case;
using gos::send;

struct big {
  std::int64_t words[100];
};
struct alignas(64) wide {
  int value;
};

TEST(Select, LeavesNoTrace) {
  auto a = gos::make_chan<int>(), b = gos::make_chan<int>(), c = gos::make_chan<int>(1);
  c.send(0);
  for (int round = 0; round < 3; ++round) {
    auto chosen = gos::spawn([&] { return select({recv(a), recv(b), send(c, 5), send(a, 7), recv(a)}); });
    ASSERT_TRUE(eventually([&] { return receiver_waits(b) && sender_waits(c) && sender_waits(a); }));
    b.send(1);
    EXPECT_EQ(chosen.join(), 1u);
    EXPECT_TRUE(without_trace(a));
    EXPECT_TRUE(without_trace(b));
    EXPECT_TRUE(without_trace(c));
  }
  EXPECT_EQ(c.recv(), 0);
  EXPECT_EQ(c.size(), 0u);
}

TEST(Select, BigAndWideElements) {
  auto a = gos::make_chan<big>();
  auto b = gos::make_chan<wide>();
  auto c = gos::make_chan<std::string>();
  gos::go([=] { a.send(big{{1, 2, 3}}); });
  gos::go([=] { b.send(wide{9}); });
  gos::go([=] { c.send("a string that is too long for its own buffer"); });
  int seen = 0;
  while (seen != 7) {
    select({recv(a, [&](std::optional<big> v) { seen |= v->words[2] == 3 ? 1 : 8; }),
            recv(b, [&](std::optional<wide> v) { seen |= v->value == 9 ? 2 : 8; }),
            recv(c, [&](std::optional<std::string> v) { seen |= v->size() > 20 ? 4 : 8; })});
  }
}

TEST(Select, ManyArms) {
  constexpr int n = 300;
  std::vector<gos::chan<int>> chans;
  std::vector<select_case> cases;
  int got = -1, index = -1;
  for (int i = 0; i < n; ++i) {
    chans.push_back(gos::make_chan<int>());
    cases.push_back(recv(chans[static_cast<std::size_t>(i)], [&got, &index, i](std::optional<int> v) {
      got = v.value();
      index = i;
    }));
  }
  for (int i = 0; i < n; i += 37) {
    gos::go([ch = chans[static_cast<std::size_t>(i)], i] { ch.send(i * 2); });
    EXPECT_EQ(select(cases), static_cast<std::size_t>(i));
    EXPECT_EQ(index, i);
    EXPECT_EQ(got, i * 2);
  }
  for (auto& ch : chans) EXPECT_TRUE(without_trace(ch));
}

TEST(Select, Limits) {
  auto ch = gos::make_chan<int>(1);
  std::vector<select_case> cases(65535, recv(gos::chan<int>()));
  cases.push_back(send(ch, 1));
  EXPECT_EQ(select(cases), 65535u);
  cases.push_back(otherwise());
  EXPECT_EQ(panic_text([&] { select(cases); }), "select: too many cases (max 65536)");
  EXPECT_EQ(panic_text([&] {
              select({otherwise(), recv(ch), otherwise()});
            }),
            "select: more than one otherwise");
  EXPECT_EQ(ch.size(), 1u);
}

TEST(Select, CopiesOnlyWhatIsChosen) {
  counted::reset();
  auto a = gos::make_chan<counted>(1), b = gos::make_chan<counted>(1);
  b.send(counted(0));
  const counted value(5);
  EXPECT_EQ(select({send(a, value), send(b, value)}), 0u);
  EXPECT_EQ(counted::copies, 1);
  EXPECT_EQ(select({send(a, value), send(b, value), otherwise()}), 2u);
  EXPECT_EQ(counted::copies, 1);
  auto taker = gos::spawn([&] { return select({send(a, value), send(b, value)}); });
  ASSERT_TRUE(eventually([&] { return sender_waits(b); }));
  EXPECT_EQ(b.recv()->value, 0);
  EXPECT_EQ(taker.join(), 1u);
  EXPECT_EQ(b.recv()->value, 5);
  a.recv();
  EXPECT_EQ(counted::alive, 1);
}

TEST(Select, MovesOnlyWhatIsChosen) {
  auto a = gos::make_chan<std::unique_ptr<int>>(1), b = gos::make_chan<std::unique_ptr<int>>();
  auto x = std::make_unique<int>(1), y = std::make_unique<int>(2);
  EXPECT_EQ(select(send(a, std::move(x)), send(b, std::move(y))), 0u);
  EXPECT_EQ(x, nullptr);
  EXPECT_EQ(*y, 2);
  EXPECT_EQ(select({send(a, std::move(y)), otherwise()}), 1u);
  EXPECT_EQ(*y, 2);
}

TEST(Select, ConvertsAndThrows) {
  struct picky {
    explicit picky(int v) : value(v) {
      if (v < 0) throw std::string("negative");
    }
    picky(picky&& other) noexcept : value(other.value) {}
    int value;
  };
  auto ch = gos::make_chan<picky>(1);
  EXPECT_THROW(select({send(ch, -1), recv(gos::chan<int>())}), std::string);
  EXPECT_EQ(ch.size(), 0u);
  EXPECT_EQ(select({send(ch, 4), recv(gos::chan<int>())}), 0u);
  EXPECT_THROW(select({send(ch, -1), recv(gos::chan<int>())}), std::string);  // it would have to wait
  EXPECT_EQ(select({send(ch, -1), otherwise()}), 1u);
  EXPECT_EQ(ch.recv()->value, 4);
  auto text = gos::make_chan<std::string>(2);
  select(send(text, "literal"), otherwise());
  select(send(text, "alone"));
  EXPECT_EQ(text.recv(), "literal");
  EXPECT_EQ(text.recv(), "alone");
  EXPECT_TRUE(without_trace(ch));
}

TEST(Select, ThrowingHandler) {
  counted::reset();
  auto ch = gos::make_chan<counted>(2);
  ch.send(counted(1));
  ch.send(counted(2));
  EXPECT_THROW(select({recv(ch, [](std::optional<counted>) { throw 1; }), recv(gos::chan<int>())}), int);
  EXPECT_THROW(select({recv(ch, [] { throw 1; }), otherwise()}), int);
  EXPECT_EQ(counted::alive, 0);
}

void plain_function() {}

TEST(Select, HandlersOfAllKinds) {
  auto ch = gos::make_chan<int>(10);
  auto ev = gos::make_chan<void>(10);
  int calls = 0;
  const auto constant = [&calls](std::optional<int>) { ++calls; };
  std::function<void(std::optional<int>)> wrapped = constant;
  auto heavy = [s = std::string("captured"), &calls]() mutable {
    s += "x";
    ++calls;
  };
  for (int i = 0; i < 6; ++i) ch.send(i), ev.send();
  select(recv(ch, constant));
  select(recv(ch, wrapped));
  select(recv(ch, std::move(heavy)));
  select(recv(ch, [&](auto&&... a) { calls += static_cast<int>(sizeof...(a)); }));
  select(recv(ch, plain_function), otherwise());
  select(recv(ch), otherwise(plain_function));
  EXPECT_EQ(calls, 4);
  bool open = false;
  select(recv(ev, [&](bool ok) { open = ok; }));
  EXPECT_TRUE(open);
  select(send(ev, plain_function));
  ev.close();
  for (int i = 0; i < 6; ++i) select(recv(ev, [&](bool ok) { open = ok; }));
  EXPECT_TRUE(open);
  select(recv(ev, [&](bool ok) { open = ok; }));
  EXPECT_FALSE(open);
}

TEST(Select, KeptCasesHoldTheirChannels) {
  std::vector<select_case> cases;
  {
    auto ch = gos::make_chan<int>(1);
    ch.send(3);
    cases.push_back(recv(ch));
    select_case rvalue = recv(std::move(ch));
    EXPECT_FALSE(ch);
    cases.push_back(rvalue);
    cases[0] = cases[1];
    cases.push_back(cases[0]);
  }
  EXPECT_LT(select(cases), 3u);
  EXPECT_EQ(select({cases[0], otherwise()}), 1u);
}

TEST(Select, After) {
  using namespace std::chrono_literals;
  auto ch = gos::make_chan<int>();
  bool late = false;
  EXPECT_EQ(select({recv(ch), after(5ms, [&] { late = true; }), after(1h, [] {})}), 1u);
  EXPECT_TRUE(late);
  EXPECT_TRUE(without_trace(ch));
  EXPECT_EQ(select({recv(ch), after(0s, [] {})}), 1u);
  EXPECT_EQ(select({recv(ch), after(-1s, [] {}), otherwise()}), 1u);
  EXPECT_EQ(select({after(1ms, [] {})}), 0u);
  EXPECT_EQ(select({recv(gos::chan<int>()), after(1ms, [] {})}), 1u);
  gos::go([=] { ch.send(1); });
  EXPECT_EQ(select({after(std::chrono::hours::max(), [] {}), recv(ch)}), 1u);
}

TEST(Select, SelectMeetsSelect) {
  auto a = gos::make_chan<int>(), b = gos::make_chan<int>();
  const int n = rounds(2000);
  std::atomic<int> got{0};
  auto other = gos::spawn([&] {
    for (int i = 0; i < n; ++i) select({send(b, 1), send(a, 1), recv(gos::chan<int>())});
  });
  for (int i = 0; i < n; ++i) {
    select({recv(a, [&](std::optional<int> v) { got += *v; }),
            recv(b, [&](std::optional<int> v) { got += *v; })});
  }
  other.join();
  EXPECT_EQ(got, n);
  EXPECT_TRUE(without_trace(a));
  EXPECT_TRUE(without_trace(b));
}

}  // namespace
