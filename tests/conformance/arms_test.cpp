// Select arms beyond channels: locks, semaphores, goroutines, wait groups, descriptors, stop tokens, contexts.
#include <gossamer/fd.hpp>

#include <csignal>
#include <mutex>
#include <shared_mutex>
#include <stop_token>

#include "fixture.hpp"

namespace gos_test {
namespace {

constexpr auto brief = 2ms;

struct pipe_ends {
  pipe_ends() { EXPECT_EQ(::pipe(ends), 0); }
  ~pipe_ends() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void write() const { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  int ends[2];
};

TEST(Arms, a_free_mutex_is_locked) {
  gos::mutex m;
  EXPECT_EQ(gos::select({gos::locked(m), gos::otherwise()}), 0u);
  EXPECT_FALSE(m.try_lock());
  EXPECT_EQ(gos::select({gos::locked(m), gos::otherwise()}), 1u);
  m.unlock();
  bool held = false;
  gos::select(
      {gos::locked(m, [&](std::unique_lock<gos::mutex> lock) { held = lock.owns_lock() && !m.try_lock(); })});
  EXPECT_TRUE(held);
  EXPECT_TRUE(m.try_lock()) << "the handler's lock has ended";
  m.unlock();
}

TEST(Arms, a_mutex_is_waited_for) {
  gos::mutex m;
  m.lock();
  gos::go([&] {
    gos::sleep(brief);
    m.unlock();
  });
  EXPECT_EQ(gos::select({gos::recv(gos::chan<int>()), gos::locked(m)}), 1u);
  EXPECT_FALSE(m.try_lock());
  m.unlock();
}

TEST(Arms, a_mutex_that_was_not_chosen_is_free) {
  gos::mutex m;
  auto ch = gos::make_chan<int>();
  for (int i = 0; i < rounds(200); ++i) {
    m.lock();
    gos::go([=] { ch.send(1); });
    gos::go([&] { m.unlock(); });
    const std::size_t chosen = gos::select({gos::recv(ch), gos::locked(m)});
    if (chosen == 0) m.lock();
    else ch.recv();
    EXPECT_FALSE(m.try_lock());
    m.unlock();
  }
}

TEST(Arms, the_sides_of_a_shared_mutex) {
  gos::shared_mutex m;
  int as_reader = 0;
  int as_writer = 0;
  const auto read = [&](std::shared_lock<gos::shared_mutex> lock) { as_reader += lock.owns_lock() ? 1 : 0; };
  const auto write = [&](std::unique_lock<gos::shared_mutex> lock) { as_writer += lock.owns_lock() ? 1 : 0; };
  gos::select({gos::locked_shared(m, read)});
  gos::select({gos::locked(m, write)});
  m.lock_shared();
  EXPECT_EQ(gos::select({gos::locked(m), gos::after(brief, [] {})}), 1u);
  EXPECT_EQ(gos::select({gos::locked_shared(m, read), gos::after(1h, [] {})}), 0u)
      << "no writer is left over";
  gos::go([&] {
    gos::sleep(brief);
    m.unlock_shared();
  });
  EXPECT_EQ(gos::select({gos::locked(m, write), gos::after(1h, [] {})}), 0u);
  EXPECT_EQ(as_reader, 2);
  EXPECT_EQ(as_writer, 2);
}

TEST(Arms, a_writer_that_gives_up_lets_the_readers_behind_it_in) {
  gos::shared_mutex m;
  m.lock_shared();
  auto give_up = gos::make_chan<void>();
  gos::wait_group ended;
  ended.go([&] { gos::select({gos::locked(m), gos::recv(give_up)}); });
  ASSERT_TRUE(eventually([&] { return !m.try_lock_shared() || (m.unlock_shared(), false); }));
  ended.go([&] {
    m.lock_shared();
    m.unlock_shared();
  });
  ASSERT_TRUE(blocked("sync.RWMutex.RLock"));
  give_up.send();
  ended.wait();
  m.unlock_shared();
}

TEST(Arms, a_semaphore) {
  gos::weighted_semaphore s(3);
  EXPECT_EQ(gos::select({gos::acquired(s, 2), gos::otherwise()}), 0u);
  EXPECT_EQ(gos::select({gos::acquired(s, 2), gos::otherwise()}), 1u);
  gos::go([&] {
    gos::sleep(brief);
    s.release(2);
  });
  bool called = false;
  EXPECT_EQ(gos::select({gos::recv(gos::chan<int>()), gos::acquired(s, 3, [&] { called = true; })}), 1u);
  EXPECT_TRUE(called);
  EXPECT_FALSE(s.try_acquire());
  s.release(3);
  EXPECT_EQ(panic_text([&] { gos::select({gos::acquired(s, -1)}); }), "semaphore: negative weight -1");
}

TEST(Arms, a_goroutine) {
  auto gate = gos::make_chan<void>();
  auto worker = gos::spawn([gate] {
    gate.recv();
    return 42;
  });
  EXPECT_EQ(gos::select({gos::joined(worker), gos::otherwise()}), 1u);
  EXPECT_EQ(gos::select({gos::joined(worker), gos::after(brief, [] {})}), 1u);
  gate.send();
  int result = 0;
  EXPECT_EQ(gos::select({gos::joined(worker, [&](int r) { result = r; }), gos::after(1h, [] {})}), 0u);
  EXPECT_EQ(result, 42);
  EXPECT_EQ(panic_text([&] {
              gos::select({gos::joined(worker), gos::after(1h, [] {})});
            }),
            "wait for an empty join_handle");

  auto failing = gos::spawn([] { throw std::runtime_error("lost"); });
  EXPECT_EQ(gos::select({gos::joined(failing)}), 0u);
  EXPECT_THROW(failing.join(), std::runtime_error);
  auto failing_too = gos::spawn([]() -> int { throw std::runtime_error("lost"); });
  EXPECT_THROW(gos::select({gos::joined(failing_too, [](int) {})}), std::runtime_error);
}

TEST(Arms, a_wait_group) {
  gos::wait_group g;
  EXPECT_EQ(gos::select({gos::completed(g), gos::otherwise()}), 0u);
  g.add(1);
  EXPECT_EQ(gos::select({gos::completed(g), gos::otherwise()}), 1u);
  gos::go([&] {
    gos::sleep(brief);
    g.done();
  });
  EXPECT_EQ(gos::select({gos::completed(g, [] {}), gos::after(1h, [] {})}), 0u);
}

TEST(Arms, a_descriptor) {
  const pipe_ends p;
  EXPECT_EQ(gos::select({gos::net::readable(p.ends[0]), gos::otherwise()}), 1u);
  EXPECT_EQ(gos::select({gos::net::readable(p.ends[0]), gos::net::writable(p.ends[1])}), 1u);
  EXPECT_EQ(gos::select({gos::net::readable(p.ends[0]), gos::after(brief, [] {})}), 1u);
  std::thread writer([&] {
    std::this_thread::sleep_for(brief);
    p.write();
  });
  EXPECT_EQ(gos::select({gos::net::readable(p.ends[0], [] {}), gos::after(1h, [] {})}), 0u);
  writer.join();
  EXPECT_EQ(gos::select({gos::net::readable(-1), gos::after(1h, [] {})}), 0u)
      << "no descriptor: a read would not block";
}

TEST(Arms, a_stop_token_and_a_context) {
  std::stop_source source;
  const std::stop_token token = source.get_token();
  auto [ctx, cancel] = gos::with_cancel(gos::background());
  EXPECT_EQ(gos::select({gos::stopped(token), gos::cancelled(ctx), gos::otherwise()}), 2u);
  gos::go([source]() mutable {
    gos::sleep(brief);
    source.request_stop();
  });
  EXPECT_EQ(gos::select({gos::cancelled(ctx), gos::stopped(token, [] {})}), 1u);
  EXPECT_EQ(gos::select({gos::stopped(token)}), 0u);
  cancel();
  EXPECT_EQ(gos::select({gos::cancelled(ctx, [] {}), gos::after(1h, [] {})}), 0u);
  EXPECT_EQ(gos::select({gos::stopped(std::stop_token()), gos::after(brief, [] {})}), 1u)
      << "no state: never";
}

// Signals come on a channel.
TEST(Arms, a_signal) {
  auto signals = gos::make_chan<int>(1);
  gos::notify(signals, SIGUSR2);
  gos::mutex m;
  m.lock();
  gos::go([] {
    gos::sleep(brief);
    ::kill(::getpid(), SIGUSR2);
  });
  int got = 0;
  EXPECT_EQ(gos::select({gos::locked(m), gos::recv(signals, [&](std::optional<int> s) { got = *s; })}), 1u);
  EXPECT_EQ(got, SIGUSR2);
  gos::stop_notify(signals);
  m.unlock();
}

// One statement, one park, every kind of arm; each of them in its turn.
TEST(Arms, all_in_one_statement) {
  gos::mutex m;
  gos::shared_mutex sm;
  gos::weighted_semaphore units(1);
  auto ch = gos::make_chan<int>();
  auto gate = gos::make_chan<void>();
  const pipe_ends p;
  for (int turn = 0; turn < 10; ++turn) {
    SCOPED_TRACE(turn);
    gos::wait_group g;
    std::stop_source source;
    const std::stop_token token = source.get_token();
    auto [ctx, cancel] = gos::with_cancel(gos::background());
    auto worker = gos::spawn([gate] { gate.recv(); });
    gos::timer never(turn == 9 ? brief : 24h);
    m.lock();
    sm.lock();
    units.acquire();
    g.add(1);
    std::size_t chosen = 99;
    gos::wait_group ended;
    ended.go([&] {
      chosen = gos::select({gos::locked(m), gos::locked_shared(sm), gos::acquired(units, 1), gos::recv(ch),
                            gos::joined(worker), gos::completed(g), gos::net::readable(p.ends[0]),
                            gos::stopped(token), gos::cancelled(ctx), gos::recv(never.channel())});
    });
    if (turn != 9) { ASSERT_TRUE(blocked("select")); }
    switch (turn) {
      case 0:
        m.unlock();
        break;
      case 1:
        sm.unlock();
        break;
      case 2:
        units.release();
        break;
      case 3:
        ch.send(1);
        break;
      case 4:
        gate.send();
        break;
      case 5:
        g.done();
        break;
      case 6:
        p.write();
        break;
      case 7:
        source.request_stop();
        break;
      case 8:
        cancel();
        break;
      default:
        break;
    }
    ended.wait();
    EXPECT_EQ(chosen, static_cast<std::size_t>(turn));
    // Exactly the chosen one has taken effect.
    m.unlock();
    turn == 1 ? sm.unlock_shared() : sm.unlock();
    EXPECT_FALSE(units.try_acquire());
    units.release();
    if (turn != 4) gate.send();
    worker.join();
    if (turn != 5) g.done();
    if (turn == 6) {
      char c;
      EXPECT_EQ(::read(p.ends[0], &c, 1), 1);
    }
    cancel();
  }
}

// SE-01 holds for arms of every kind.
TEST(Arms, ready_ones_are_chosen_at_random) {
  gos::mutex m;
  gos::weighted_semaphore units(1);
  auto ch = gos::make_chan<int>(1);
  int chosen[4] = {};
  const int n = rounds(8000);
  for (int i = 0; i < n; ++i) {
    if (ch.size() == 0) ch.send(1);
    const std::size_t arm =
        gos::select({gos::locked(m), gos::acquired(units, 1), gos::recv(ch), gos::after(0s, [] {})});
    ++chosen[arm];
    if (arm == 0) m.unlock();
    if (arm == 1) units.release();
  }
  for (const int count : chosen) EXPECT_NEAR(count, n / 4, n / 20 + 40);
}

TEST(Arms, a_stored_arm_may_be_used_again) {
  gos::mutex m;
  auto ch = gos::make_chan<int>(1);
  std::vector<gos::select_case> arms{gos::locked(m), gos::recv(ch)};
  EXPECT_EQ(gos::select(std::span(arms)), 0u);
  ch.send(1);
  EXPECT_EQ(gos::select(std::span(arms)), 1u);
  m.unlock();
  EXPECT_EQ(gos::select(std::span(arms)), 0u);
  m.unlock();
}

TEST(Arms, a_send_whose_value_must_be_made) {
  gos::mutex m;
  m.lock();
  auto ch = gos::make_chan<std::string>();
  gos::go([=] { EXPECT_EQ(ch.recv().value(), "made"); });
  EXPECT_EQ(gos::select({gos::locked(m), gos::send(ch, "made")}), 1u);
  m.unlock();
}

// More arms than fit a frame.
TEST(Arms, many) {
  std::vector<std::unique_ptr<gos::mutex>> locks;
  std::vector<gos::select_case> arms;
  for (int i = 0; i < 100; ++i) {
    locks.push_back(std::make_unique<gos::mutex>());
    locks.back()->lock();
    arms.push_back(gos::locked(*locks.back()));
  }
  gos::go([&] { locks[77]->unlock(); });
  EXPECT_EQ(gos::select(std::span(arms)), 77u);
}

// From plain threads, too.
TEST(Arms, on_a_plain_thread) {
  gos::mutex m;
  m.lock();
  std::thread plain([&] {
    EXPECT_EQ(gos::select({gos::locked(m), gos::recv(gos::chan<int>())}), 0u);
    m.unlock();
    EXPECT_FALSE(gos::make_chan<int>().recv_for(brief));
  });
  std::this_thread::sleep_for(brief);
  m.unlock();
  plain.join();
}

// Stress: what is taken by selects, limits and plain operations beside each other is never lost and never given twice.

TEST(ArmsStress, a_mutex_excludes_and_is_never_lost) {
  gos::mutex m;
  int inside = 0;
  long counter = 0;
  std::atomic<long> expected{0};
  auto noise = gos::make_chan<int>();
  gos::wait_group ended;
  const int n = rounds(3000);
  const auto section = [&] {
    EXPECT_EQ(++inside, 1);
    ++counter;
    expected.fetch_add(1);
    --inside;
    m.unlock();
  };
  for (int id = 0; id < 8; ++id) {
    ended.go([&, id, random = rng()]() mutable {
      for (int i = 0; i < n; ++i) {
        switch ((static_cast<std::uint64_t>(id) + random()) % 5) {
          case 0:
            m.lock();
            section();
            break;
          case 1:
            if (m.try_lock_for(std::chrono::microseconds(random() % 50))) section();
            break;
          case 2:
            if (gos::select({gos::locked(m), gos::recv(noise), gos::send(noise, id)}) == 0) section();
            break;
          case 3: {
            auto made = gos::with_cancel(gos::background());
            gos::go([cancel = made.cancel] { cancel(); });
            if (!m.lock(made.ctx)) section();
            break;
          }
          default:
            if (gos::select({gos::locked(m), gos::otherwise()}) == 0) section();
            break;
        }
      }
    });
  }
  ended.wait();
  EXPECT_EQ(counter, expected.load());
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(ArmsStress, a_shared_mutex_keeps_its_word) {
  gos::shared_mutex m;
  std::atomic<int> readers{0};
  std::atomic<int> writers{0};
  gos::wait_group ended;
  const int n = rounds(3000);
  for (int id = 0; id < 8; ++id) {
    ended.go([&, random = rng()]() mutable {
      for (int i = 0; i < n; ++i) {
        const bool writing = random() % 3 == 0;
        const auto limit = std::chrono::microseconds(random() % 40);
        const bool limited = random() % 2 == 0;
        if (writing) {
          if (limited && !m.try_lock_for(limit)) continue;
          if (!limited) m.lock();
          EXPECT_EQ(writers.fetch_add(1), 0);
          EXPECT_EQ(readers.load(), 0);
          if (random() % 8 == 0) gos::yield();
          writers.fetch_sub(1);
          m.unlock();
        } else {
          if (limited && !m.try_lock_shared_for(limit)) continue;
          if (!limited) m.lock_shared();
          readers.fetch_add(1);
          EXPECT_EQ(writers.load(), 0);
          if (random() % 8 == 0) gos::yield();
          readers.fetch_sub(1);
          m.unlock_shared();
        }
      }
    });
  }
  ended.wait();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(ArmsStress, a_semaphore_keeps_its_units) {
  gos::weighted_semaphore s(5);
  std::atomic<std::int64_t> held{0};
  gos::wait_group ended;
  const int n = rounds(3000);
  for (int id = 0; id < 8; ++id) {
    ended.go([&, random = rng()]() mutable {
      for (int i = 0; i < n; ++i) {
        const auto weight = static_cast<std::int64_t>(1 + random() % 5);
        const bool got = random() % 2 == 0
                             ? s.try_acquire_for(std::chrono::microseconds(random() % 40), weight)
                             : (s.acquire(weight), true);
        if (!got) continue;
        EXPECT_LE(held.fetch_add(weight) + weight, 5);
        if (random() % 8 == 0) gos::yield();
        held.fetch_sub(weight);
        s.release(weight);
      }
    });
  }
  ended.wait();
  EXPECT_TRUE(s.try_acquire(5));
}

// Two selects with the same channels and locks in different order, both ways at once.
TEST(ArmsStress, selects_meet_each_other) {
  gos::mutex m;
  auto a = gos::make_chan<int>();
  auto b = gos::make_chan<int>();
  std::atomic<long> sent{0};
  std::atomic<long> received{0};
  gos::wait_group ended;
  const int n = rounds(4000);
  for (int id = 0; id < 6; ++id) {
    ended.go([&, id] {
      for (int i = 0; i < n; ++i) {
        const auto took = [&] { received.fetch_add(1); };
        const auto gave = [&] { sent.fetch_add(1); };
        const auto held = [](std::unique_lock<gos::mutex>) {};
        if (id % 2 == 0) gos::select({gos::locked(m, held), gos::send(a, i, gave), gos::recv(b, took)});
        else gos::select({gos::recv(a, took), gos::send(b, i, gave), gos::locked(m, held)});
      }
    });
  }
  ended.wait();
  EXPECT_EQ(sent.load(), received.load());
}

TEST(ArmsStress, notifications_are_not_lost_to_waits_that_have_ended) {
  gos::mutex m;
  gos::condition_variable changed;
  int tickets = 0;
  std::atomic<int> taken{0};
  const int n = rounds(2000);
  gos::wait_group ended;
  for (int id = 0; id < 4; ++id) {
    ended.go([&, random = rng()]() mutable {
      std::unique_lock held(m);
      while (taken.load() < n) {
        if (tickets > 0) {
          --tickets;
          taken.fetch_add(1);
          continue;
        }
        (void)changed.wait_for(held, std::chrono::microseconds(random() % 100));
      }
    });
  }
  // This one has no limit: it depends on every notification that is meant for somebody.
  ended.go([&] {
    std::unique_lock held(m);
    changed.wait(held, [&] {
      if (tickets > 0 && taken.load() < n) {
        --tickets;
        taken.fetch_add(1);
      }
      return taken.load() >= n;
    });
  });
  for (int i = 0; i < n; ++i) {
    {
      const std::lock_guard held(m);
      ++tickets;
    }
    changed.notify_one();
    if (i % 16 == 0) gos::yield();
  }
  ASSERT_TRUE(eventually([&] { return taken.load() >= n; }));
  changed.notify_all();
  ended.wait();
}

TEST(ArmsStress, stops_from_plain_threads) {
  for (int i = 0; i < rounds(300); ++i) {
    std::stop_source source;
    gos::wait_group ended;
    gos::mutex m;
    m.lock();
    for (int w = 0; w < 4; ++w) ended.go([&, token = source.get_token()] { EXPECT_FALSE(m.lock(token)); });
    if (i % 2 == 0) gos::yield();
    std::thread([&] { source.request_stop(); }).join();
    ended.wait();
    m.unlock();
  }
}

TEST(ArmsStress, goroutines_that_end_beside_limits) {
  for (int i = 0; i < rounds(2000); ++i) {
    auto handle = gos::spawn([i] { return i; });
    if (i % 3 == 0) gos::yield();
    (void)handle.wait_for(std::chrono::microseconds(i % 7));
    gos::wait_group g;
    g.go([] {});
    (void)g.wait_for(std::chrono::microseconds(i % 5));
    EXPECT_EQ(handle.join(), i);
    g.wait();
  }
}

}  // namespace
}  // namespace gos_test
