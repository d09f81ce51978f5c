// poll_desc: waiting for events, deadlines that move, and the end, on one end of a socket pair (NF-02..NF-11).
#include "fixture.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <gossamer/error.hpp>

#include "io/poll_desc.hpp"
#include "platform/clock.hpp"

namespace {

using namespace gos_test;
using gos::io_errc;
using gos::rt::direction;
using gos::rt::monotonic_ns;
using gos::rt::no_deadline_ns;

// Descs are never given back to the allocator: an event may come late.
gos::rt::poll_desc& fresh_desc() {
  static std::vector<std::unique_ptr<gos::rt::poll_desc>> all;
  return *all.emplace_back(std::make_unique<gos::rt::poll_desc>());
}

struct watched_pair {
  gos::rt::poll_desc& desc = fresh_desc();
  int peer = -1;

  watched_pair() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    desc.open(pair[0]);
    peer = pair[1];
  }
  ~watched_pair() {
    static_cast<void>(desc.close());
    ::close(peer);
  }

  void set_deadline(direction d, std::int64_t ns) {
    ASSERT_TRUE(desc.begin());
    desc.set_deadline(d, ns);
    desc.end();
  }

  // One byte read, or why not.
  std::error_code read_byte() {
    if (!desc.begin(direction::read)) return io_errc::closed;
    std::error_code why = desc.prepare(direction::read);
    char byte;
    while (!why && ::recv(desc.fd(), &byte, 1, 0) < 0) why = desc.wait(direction::read);
    desc.end(direction::read);
    return why;
  }
};

constexpr std::int64_t ms = 1'000'000;

TEST(PollDesc, WaitsForAnEvent) {
  gos::run([] {
    watched_pair p;
    for (int i = 0; i < 100; ++i) {
      gos::wait_group done;
      done.go([&] {
        if (i % 2 == 0) gos::yield();
        EXPECT_EQ(::send(p.peer, "x", 1, 0), 1);
      });
      ASSERT_FALSE(p.read_byte());
      done.wait();
    }
  });
}

TEST(PollDesc, WorksFromAPlainThread) {
  watched_pair p;
  std::thread writer([&] {
    ::usleep(20'000);
    EXPECT_EQ(::send(p.peer, "x", 1, 0), 1);
  });
  EXPECT_FALSE(p.read_byte());
  writer.join();
  p.set_deadline(direction::read, monotonic_ns() + 10 * ms);
  EXPECT_EQ(p.read_byte(), io_errc::timeout);
}

// NF-03, NF-06: not early, with data waiting too, the other direction untouched, usable afterwards.
TEST(PollDesc, DeadlineFailsItsDirection) {
  gos::run([] {
    watched_pair p;
    const std::int64_t due = monotonic_ns() + 20 * ms;
    p.set_deadline(direction::read, due);
    EXPECT_EQ(p.read_byte(), io_errc::timeout);
    EXPECT_GE(monotonic_ns(), due);
    EXPECT_EQ(::send(p.peer, "x", 1, 0), 1);
    EXPECT_EQ(p.read_byte(), io_errc::timeout);
    ASSERT_TRUE(p.desc.begin(direction::write));
    EXPECT_FALSE(p.desc.prepare(direction::write));
    p.desc.end(direction::write);
    p.set_deadline(direction::read, no_deadline_ns);
    EXPECT_FALSE(p.read_byte());
  });
}

// NF-04.
TEST(PollDesc, DeadlineInThePastWakesTheWaiting) {
  gos::run([] {
    watched_pair p;
    gos::wait_group done;
    done.go([&] { EXPECT_EQ(p.read_byte(), io_errc::timeout); });
    ASSERT_TRUE(blocked("IO wait"));
    p.set_deadline(direction::read, 1);
    done.wait();
  });
}

// A deadline for somebody who waits without one, and an earlier one for somebody who waits with a late one.
TEST(PollDesc, DeadlineCanBeBroughtForward) {
  gos::run([] {
    for (const bool had_one : {false, true}) {
      watched_pair p;
      if (had_one) p.set_deadline(direction::read, monotonic_ns() + 3600'000 * ms);
      gos::wait_group done;
      const std::int64_t due = monotonic_ns() + 60 * ms;
      done.go([&] {
        EXPECT_EQ(p.read_byte(), io_errc::timeout);
        EXPECT_GE(monotonic_ns(), due);
      });
      ASSERT_TRUE(blocked("IO wait"));
      p.set_deadline(direction::read, due);
      done.wait();
    }
  });
}

// NF-05: the old moment passes, the timer of it fires, and nobody is woken; then the new one counts.
TEST(PollDesc, DeadlineCanBeMovedLaterAndRemoved) {
  gos::run([] {
    watched_pair p;
    const std::int64_t step = std::chrono::nanoseconds(scaled(1500ms)).count();  // to be there before
    p.set_deadline(direction::read, monotonic_ns() + step);
    gos::wait_group done;
    std::atomic<std::int64_t> due{0};
    done.go([&] {
      EXPECT_EQ(p.read_byte(), io_errc::timeout);
      EXPECT_GE(monotonic_ns(), due);
    });
    ASSERT_TRUE(blocked("IO wait"));
    due = monotonic_ns() + step + step / 2;
    p.set_deadline(direction::read, due);
    done.wait();

    p.set_deadline(direction::read, monotonic_ns() + step);
    done.go([&] { EXPECT_FALSE(p.read_byte()); });
    ASSERT_TRUE(blocked("IO wait"));
    p.set_deadline(direction::read, no_deadline_ns);
    gos::sleep(std::chrono::nanoseconds(step + step / 4));
    EXPECT_EQ(::send(p.peer, "x", 1, 0), 1);
    done.wait();
  });
}

// NF-08, NF-10, NF-11: everybody is sent away, one closes, and then the number is really free.
TEST(PollDesc, CloseWakesEverybodyAndClosesForGood) {
  gos::run([] {
    watched_pair p;
    const int number = p.desc.fd();
    gos::wait_group done;
    for (int i = 0; i < 4; ++i) done.go([&] { EXPECT_EQ(p.read_byte(), io_errc::closed); });
    ASSERT_TRUE(blocked("IO wait", 4));
    EXPECT_TRUE(p.desc.close());
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
    EXPECT_EQ(p.desc.fd(), -1);
    EXPECT_FALSE(p.desc.close());
    done.wait();
    EXPECT_EQ(p.read_byte(), io_errc::closed);
  });
}

// close() returns only when the last operation inside has left.
TEST(PollDesc, CloseWaitsForWhoIsInside) {
  gos::run([] {
    watched_pair p;
    ASSERT_TRUE(p.desc.begin(direction::read));
    const int number = p.desc.fd();
    std::atomic<bool> closed{false};
    gos::wait_group done;
    done.go([&] {
      EXPECT_TRUE(p.desc.close());
      closed = true;
    });
    ASSERT_TRUE(blocked("IO wait"));
    EXPECT_FALSE(closed);
    EXPECT_NE(::fcntl(number, F_GETFD), -1);
    EXPECT_EQ(p.desc.wait(direction::read), io_errc::closed);
    p.desc.end(direction::read);
    done.wait();
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  });
}

// Deadlines set by many at once, in both directions of time, while somebody waits: each wait ends, and for a true reason.
TEST(PollDesc, DeadlinesMoveUnderStress) {
  gos::run([] {
    watched_pair p;
    std::atomic<bool> stop{false};
    gos::wait_group movers;
    for (int i = 0; i < 3; ++i) {
      movers.go([&, random = rng()]() mutable {
        while (!stop) {
          const auto shift = static_cast<std::int64_t>(random() % 400'000) - 50'000;
          p.set_deadline(direction::read, random() % 8 == 0 ? no_deadline_ns : monotonic_ns() + shift);
          if (random() % 4 == 0) gos::yield();
        }
      });
    }
    int timeouts = 0;
    for (int i = 0; i < rounds(2000); ++i) {
      const std::error_code why = p.read_byte();
      ASSERT_EQ(why, io_errc::timeout);
      ++timeouts;
    }
    EXPECT_GT(timeouts, 0);
    stop = true;
    movers.wait();
    p.set_deadline(direction::read, no_deadline_ns);
    EXPECT_EQ(::send(p.peer, "x", 1, 0), 1);
    EXPECT_FALSE(p.read_byte());
  });
}

// NF-05 at the instant of firing: deadlines are always moved before they are due, so no wait may time out.
TEST(PollDesc, MovedDeadlinesNeverFire) {
  gos::run([] {
    watched_pair p;
    std::atomic<bool> stop{false};
    // Two timers' worth ahead, moved forward by less than that each time: the timer fires all the time, never the deadline.
    p.set_deadline(direction::read, monotonic_ns() + 3600'000 * ms);
    gos::wait_group mover;
    std::atomic<std::int64_t> lead_min{INT64_MAX};
    mover.go([&] {
      std::int64_t deadline = monotonic_ns() + 3600'000 * ms;
      while (!stop) {
        const std::int64_t next = monotonic_ns() + 2 * ms;
        p.set_deadline(direction::read, next);
        const std::int64_t lead = deadline - monotonic_ns();
        if (lead < lead_min) lead_min = lead;
        deadline = next;
        gos::sleep(200us);
      }
      // The last deadline counts too: it may have passed while this slept and the reader had not read yet.
      if (const std::int64_t lead = deadline - monotonic_ns(); lead < lead_min) lead_min = lead;
      p.set_deadline(direction::read, no_deadline_ns);
    });
    gos::wait_group reader;
    std::error_code why;
    reader.go([&] { why = p.read_byte(); });
    gos::sleep(scaled(150ms));
    EXPECT_EQ(::send(p.peer, "x", 1, 0), 1);
    reader.wait();
    stop = true;
    mover.wait();
    // On a loaded machine the mover itself may have been late; then a time-out was right.
    if (lead_min > 0) {
      EXPECT_FALSE(why) << why.message();
    }
  });
}

}  // namespace
