// The greatest set of stuck goroutines against the plainest way to find it: looking at all until nothing changes.
#include "report/stuck_set.hpp"

#include "fixture.hpp"

namespace rt = gos::rt;

namespace {

struct tables {
  std::vector<rt::handle_at> handles;
  std::vector<rt::reference> references;
  std::vector<rt::wait_for> channels, holders;
  std::vector<std::uint32_t> handle_counts;

  rt::stuck_facts facts() const { return {handles, references, channels, holders, handle_counts}; }
};

void keep_plainly(const tables& t, std::vector<bool>& in) {
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<bool> referred(in.size());
    for (const rt::reference& r : t.references) {
      if (r.from == rt::reference::outside || !in[r.from]) referred[r.to] = true;
    }
    std::vector<std::uint32_t> found(t.handle_counts.size());
    for (const rt::handle_at& h : t.handles) found[h.channel] += in[h.owner] && !referred[h.owner] ? 1 : 0;
    const auto take_out = [&](std::uint32_t one) {
      changed = changed || in[one];
      in[one] = false;
    };
    for (const rt::wait_for& w : t.channels) {
      if (t.handle_counts[w.what] == 0 || t.handle_counts[w.what] != found[w.what]) take_out(w.waiter);
    }
    for (const rt::wait_for& w : t.holders) {
      if (!in[w.what]) take_out(w.waiter);
    }
  }
}

TEST(stuck_set, is_what_is_left_when_nothing_changes) {
  std::mt19937_64 random = gos_test::rng();
  const auto below = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  std::size_t kept = 0, taken_out = 0;
  for (int round = 0; round < gos_test::rounds(4000); ++round) {
    const std::uint32_t people = 1 + below(12), channels = 1 + below(8);
    tables t;
    t.handle_counts.resize(channels);
    std::vector<bool> in;
    for (std::uint32_t one = 0; one < people; ++one) {
      in.push_back(below(8) != 0);
      if (below(4) == 0) {
        t.holders.push_back({one, below(people)});
      } else {
        for (std::uint32_t arms = 1 + below(2); arms != 0; --arms) t.channels.push_back({one, below(channels)});
      }
      for (std::uint32_t n = below(3); n != 0; --n) t.handles.push_back({one, below(channels)});
      if (below(8) == 0) t.references.push_back({one, below(4) == 0 ? rt::reference::outside : below(people)});
    }
    for (const rt::handle_at& h : t.handles) ++t.handle_counts[h.channel];
    if (below(2) == 0) t.handle_counts[below(channels)] += 1;  // somebody else has one
    std::vector<bool> plainly = in;
    keep_plainly(t, plainly);
    rt::keep_stuck(t.facts(), in);
    ASSERT_EQ(in, plainly);
    const auto left = static_cast<std::size_t>(std::count(in.begin(), in.end(), true));
    kept += left, taken_out += people - left;
  }
  EXPECT_GT(kept, 100U);
  EXPECT_GT(taken_out, 100U);
}

TEST(stuck_set, a_chain_of_many_falls_link_by_link) {
  constexpr std::uint32_t size = 200'000;
  tables t;
  for (std::uint32_t one = 0; one + 1 < size; ++one) t.holders.push_back({one, one + 1});
  std::vector<bool> in(size, true);
  rt::keep_stuck(t.facts(), in);
  EXPECT_EQ(std::count(in.begin(), in.end(), true), size);
  in[size - 1] = false;
  rt::keep_stuck(t.facts(), in);
  EXPECT_EQ(std::count(in.begin(), in.end(), true), 0);
}

}  // namespace
