// pipe: the ends of a pipe in memory under crowds, closes and moving deadlines. What NF-23 promises is shown in conformance/.
#include "net_fixture.hpp"

namespace {

using namespace gos_test;
namespace net = gos::net;

TEST(Pipe, WritesWaitForReadsOfAllOfIt) {
  on_thread_and_goroutine([] {
    auto [a, b] = net::pipe();
    std::atomic<bool> written{false};
    auto writing = gos::spawn([&, a = &a] {
      const auto w = a->write_all("abcdef");
      written = true;
      return w;
    });
    char buffer[8];
    EXPECT_EQ(must(b.read_full(std::span(buffer, 4))), 4U);
    gos::sleep(1ms);
    EXPECT_FALSE(written);
    EXPECT_EQ(must(b.read_some(buffer)), 2U);
    EXPECT_EQ(must(writing.join()), 6U);
    EXPECT_EQ(must(a.write_all("")), 0U);
    EXPECT_EQ(must(b.read_some(std::span<char>())), 0U);
    auto some = gos::spawn([&, b = &b] { return b->write_some("12345"); });
    EXPECT_EQ(must(a.read_some(std::span(buffer, 2))), 2U);
    EXPECT_EQ(must(some.join()), 2U);
    EXPECT_TRUE(a.local_address().empty());
  });
}

TEST(Pipe, AnUnfinishedWriteSaysHowMuchWasTaken) {
  gos::run([] {
    auto [a, b] = net::pipe();
    for (const bool close : {false, true}) {
      auto writing = gos::spawn([&, a = &a] { return a->write_all("abcdef"); });
      char buffer[2];
      must(b.read_full(buffer));
      if (close) {
        must(b.close());
      } else {
        must(a.set_write_deadline(in(-1s)));
      }
      const auto w = writing.join();
      ASSERT_FALSE(w);
      EXPECT_EQ(w.error().transferred(), 2U);
      EXPECT_EQ(w.error().message(), close ? "io: read/write on closed pipe" : "write pipe: i/o timeout");
      must(a.set_write_deadline({}));
    }
  });
}

TEST(Pipe, HalfClose) {
  gos::run([] {
    auto [a, b] = net::pipe();
    must(a.close_write());
    char buffer[4];
    EXPECT_EQ(must(b.read_some(buffer)), 0U);
    EXPECT_EQ(b.read_full(buffer).error(), gos::io_errc::end_of_file);
    EXPECT_EQ(a.write_all("x").error(), gos::io_errc::closed_pipe);
    auto writing = gos::spawn([&, b = &b] { return b->write_all("back"); });
    must(a.read_full(buffer));
    must(writing.join());
    must(a.close_read());
    EXPECT_EQ(b.write_all("x").error(), gos::io_errc::closed_pipe);
  });
}

// A crowd on both ends, deadlines that move, and a close: everybody comes home for the right reason, and no byte is lost or
// seen twice before.
TEST(Pipe, ACrowd) {
  gos::run([] {
    auto random = rng();
    for (int round = 0; round < rounds(150); ++round) {
      auto [a, b] = net::pipe();
      std::atomic<std::size_t> sent{0}, received{0};
      std::atomic<int> closed{0}, wrong{0};
      gos::wait_group done;
      const auto right = [&](const gos::error& e) {
        if (e != gos::io_errc::closed_pipe && e != std::errc::timed_out) ++wrong;
        return e == gos::io_errc::closed_pipe;
      };
      for (int i = 0; i < 2; ++i) {
        done.go([&, end = &a] {
          for (;;) {
            const auto w = end->write_all("0123456789");
            sent += w ? *w : w.error().transferred();
            if (!w && right(w.error())) return;
          }
        });
        done.go([&, end = &b] {
          char buffer[7];
          for (;;) {
            const auto r = end->read_some(buffer);
            if (r) received += *r;
            if ((r && *r == 0) || (!r && right(r.error()))) return;
          }
        });
      }
      done.go([&, end = &a, shift = random() % 100] {
        while (end->set_deadline(in(std::chrono::microseconds(shift)))) gos::yield();
      });
      for (int i = 0; i < 2; ++i) {
        done.go([&, end = &a, after = random() % 1000] {
          gos::sleep(std::chrono::microseconds(after));
          if (end->close()) ++closed;
        });
      }
      done.wait();
      ASSERT_EQ(closed, 1);
      ASSERT_EQ(wrong, 0);
      ASSERT_EQ(sent, received);
    }
  });
}

}  // namespace
