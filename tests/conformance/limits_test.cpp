// Waiting with a limit: a time or a stop condition, on every primitive, in std's spelling.
#include <gossamer/fd.hpp>

#include <mutex>
#include <shared_mutex>
#include <stop_token>

#include "fixture.hpp"

namespace gos_test {
namespace {

using gos::recv_status;
constexpr auto brief = 2ms;

// A stop condition of each kind, with what its waits return.
struct with_token {
  std::stop_source source;
  std::stop_token condition() { return source.get_token(); }
  void stop() { source.request_stop(); }
  static bool done(bool result) { return result; }
};
struct with_context {
  gos::cancellable made = gos::with_cancel(gos::background());
  gos::context condition() { return made.ctx; }
  void stop() { made.cancel(); }
  static bool done(std::error_code result) {
    EXPECT_TRUE(!result || result == gos::make_error_code(gos::context_errc::canceled)) << result.message();
    return !result;
  }
};

template <class Stop> class Limits : public testing::Test {};
using stops = testing::Types<with_token, with_context>;
TYPED_TEST_SUITE(Limits, stops);

// wait(condition) blocks until the stop, then until release() lets it through, and not at all when stopped before.
// release(true): somebody waits, or is about to. The sleeps make it likely that the wait has begun; all must hold without.
template <class Stop, class Wait, class Release, class Block>
void check_stop(Block block, Wait wait, Release release) {
  {
    SCOPED_TRACE("stopped while it waits");
    Stop stop;
    block();
    gos::wait_group ended;
    std::atomic<bool> entered{false};
    ended.go([&, condition = stop.condition()] {
      entered.store(true);
      EXPECT_FALSE(Stop::done(wait(condition)));
    });
    EXPECT_TRUE(eventually([&] { return entered.load(); }));
    gos::sleep(brief);
    stop.stop();
    ended.wait();
    release(false);
  }
  {
    SCOPED_TRACE("stopped before");
    Stop stop;
    stop.stop();
    EXPECT_FALSE(Stop::done(wait(stop.condition())));
  }
  {
    SCOPED_TRACE("released first");
    Stop stop;
    block();
    gos::wait_group ended;
    std::atomic<bool> entered{false};
    ended.go([&, condition = stop.condition()] {
      entered.store(true);
      EXPECT_TRUE(Stop::done(wait(condition)));
    });
    EXPECT_TRUE(eventually([&] { return entered.load(); }));
    gos::sleep(brief);
    release(true);
    ended.wait();
    stop.stop();
  }
}

TYPED_TEST(Limits, mutex_lock) {
  gos::mutex m;
  check_stop<TypeParam>([&] { m.lock(); },
                        [&](const auto& c) {
                          auto result = m.lock(c);
                          if (TypeParam::done(result)) m.unlock();
                          return result;
                        },
                        [&](bool) { m.unlock(); });
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TYPED_TEST(Limits, shared_mutex_lock) {
  gos::shared_mutex m;
  check_stop<TypeParam>([&] { m.lock_shared(); },
                        [&](const auto& c) {
                          auto result = m.lock(c);
                          if (TypeParam::done(result)) m.unlock();
                          return result;
                        },
                        [&](bool) { m.unlock_shared(); });
  check_stop<TypeParam>([&] { m.lock(); },
                        [&](const auto& c) {
                          auto result = m.lock_shared(c);
                          if (TypeParam::done(result)) m.unlock_shared();
                          return result;
                        },
                        [&](bool) { m.unlock(); });
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TYPED_TEST(Limits, semaphore_acquire) {
  gos::weighted_semaphore s(3);
  check_stop<TypeParam>([&] { s.acquire(2); },
                        [&](const auto& c) {
                          auto result = s.acquire(c, 2);
                          if (TypeParam::done(result)) s.release(2);
                          return result;
                        },
                        [&](bool) { s.release(2); });
  EXPECT_TRUE(s.try_acquire(3));
}

TYPED_TEST(Limits, condition_variable_wait) {
  gos::mutex m;
  gos::condition_variable changed;
  int waiting = 0;
  bool ready = false;
  check_stop<TypeParam>([] {},
                        [&](const auto& c) {
                          std::unique_lock held(m);
                          ++waiting;
                          auto result = changed.wait(held, c, [&] { return ready; });
                          EXPECT_TRUE(held.owns_lock());
                          --waiting;
                          ready = false;
                          return result;
                        },
                        [&](bool waited) {
                          const auto somebody = [&] {
                            const std::lock_guard held(m);
                            return waiting != 0;
                          };
                          while (waited && !somebody()) gos::yield();
                          const std::lock_guard held(m);
                          ready = waited;
                          changed.notify_all();
                        });
}

TYPED_TEST(Limits, wait_group_wait) {
  gos::wait_group g;
  check_stop<TypeParam>([&] { g.add(1); }, [&](const auto& c) { return g.wait(c); }, [&](bool) { g.done(); });
}

TYPED_TEST(Limits, group_wait) {
  auto gate = gos::make_chan<void>();
  gos::error_group functions;
  check_stop<TypeParam>(
      [&] {
        functions.go([gate] {
          gate.recv();
          return std::error_code();
        });
      },
      [&](const auto& c) { return functions.wait(c); }, [&](bool) { gate.send(); });
  EXPECT_TRUE(functions.wait_for(1h));
  EXPECT_FALSE(functions.wait());
  gos::task_group tasks;
  check_stop<TypeParam>([&] { tasks.go([gate] { gate.recv(); }); }, [&](const auto& c) { return tasks.wait(c); },
                        [&](bool) { gate.send(); });
  EXPECT_TRUE(tasks.wait_until(gos::now() + 1h));
}

TYPED_TEST(Limits, join_handle_wait) {
  auto gate = gos::make_chan<void>();
  std::optional<gos::join_handle<int>> handle;
  check_stop<TypeParam>(
      [&] {
        if (handle) handle->join();
        handle.emplace(gos::spawn([gate] {
          gate.recv();
          return 7;
        }));
      },
      [&](const auto& c) { return handle->wait(c); }, [&](bool) { gate.send(); });
  EXPECT_EQ(handle->join(), 7);
}

TYPED_TEST(Limits, channel_send) {
  auto ch = gos::make_chan<std::string>();
  std::string text = "kept";
  check_stop<TypeParam>([&] { text = "kept"; },
                        [&](const auto& c) {
                          auto result = ch.send(std::move(text), c);
                          if (!TypeParam::done(result)) { EXPECT_EQ(text, "kept"); }
                          return result;
                        },
                        [&](bool waited) { EXPECT_TRUE(!waited || ch.recv() == "kept"); });
}

TYPED_TEST(Limits, channel_recv) {
  auto ch = gos::make_chan<std::string>();
  for (const bool stopped : {true, false}) {
    TypeParam stop;
    gos::wait_group ended;
    ended.go([&, condition = stop.condition()] {
      const auto got = ch.recv(condition);
      if (stopped) {
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error(), recv_status::empty);
      } else {
        EXPECT_EQ(got.value(), "text");
      }
    });
    gos::sleep(brief);
    if (stopped) stop.stop();
    else ch.send("text");
    ended.wait();
  }
  TypeParam stop;
  ch.close();
  EXPECT_EQ(ch.recv(stop.condition()).error(), recv_status::closed);
  stop.stop();
  EXPECT_EQ(ch.recv(stop.condition()).error(), recv_status::empty);
}

TYPED_TEST(Limits, channel_of_void) {
  auto ch = gos::make_chan<void>();
  check_stop<TypeParam>([] {}, [&](const auto& c) { return ch.send(c); }, [&](bool waited) { EXPECT_TRUE(!waited || ch.recv()); });
  TypeParam stop;
  auto buffered = gos::make_chan<void>(1);
  EXPECT_TRUE(buffered.send_for(0s));
  EXPECT_TRUE(buffered.recv(stop.condition()));
  EXPECT_FALSE(buffered.recv_for(brief));
}

TYPED_TEST(Limits, sleep) {
  TypeParam stop;
  EXPECT_TRUE(TypeParam::done(gos::sleep(brief, stop.condition())));
  EXPECT_TRUE(TypeParam::done(gos::sleep_until(gos::now() + brief, stop.condition())));
  gos::wait_group ended;
  ended.go([&, condition = stop.condition()] { EXPECT_FALSE(TypeParam::done(gos::sleep(24h, condition))); });
  gos::sleep(brief);
  stop.stop();
  ended.wait();
}

// Times --------------------------------------------------------------------------------------------------------------

// Calls wait(for) and wait(until) while nothing can be had: false, and not before the time.
template <class For, class Until> void check_time(For wait_for, Until wait_until) {
  const auto begin = gos::now();
  EXPECT_FALSE(wait_for(brief));
  EXPECT_GE(gos::now() - begin, brief);
  EXPECT_FALSE(wait_for(0s));
  EXPECT_FALSE(wait_for(-1h));
  const auto when = gos::now() + brief;
  EXPECT_FALSE(wait_until(when));
  EXPECT_GE(gos::now(), when);
  EXPECT_FALSE(wait_until(gos::time_point::min()));
  EXPECT_FALSE(wait_until(std::chrono::system_clock::now() + brief));
}

TEST(LimitsInTime, locks) {
  gos::mutex m;
  gos::shared_mutex s;
  const std::scoped_lock held(m, s);
  check_time([&](auto d) { return m.try_lock_for(d); }, [&](auto t) { return m.try_lock_until(t); });
  check_time([&](auto d) { return s.try_lock_for(d); }, [&](auto t) { return s.try_lock_until(t); });
  check_time([&](auto d) { return s.try_lock_shared_for(d); },
             [&](auto t) { return s.try_lock_shared_until(t); });
}

TEST(LimitsInTime, what_can_be_had_at_once_is_taken_without_any_time) {
  gos::mutex m;
  const std::unique_lock by_std(m, 0s);
  EXPECT_TRUE(by_std.owns_lock());
  gos::shared_mutex s;
  const std::shared_lock reading(s, gos::time_point::min());
  EXPECT_TRUE(reading.owns_lock());
  gos::weighted_semaphore units(1);
  EXPECT_TRUE(units.try_acquire_for(-1s));
  gos::wait_group g;
  EXPECT_TRUE(g.wait_for(0s));
  auto ch = gos::make_chan<int>(1);
  EXPECT_TRUE(ch.send_for(1, 0s));
  EXPECT_EQ(ch.recv_for(0s).value(), 1);
}

TEST(LimitsInTime, the_others) {
  gos::weighted_semaphore units(1);
  units.acquire();
  check_time([&](auto d) { return units.try_acquire_for(d); },
             [&](auto t) { return units.try_acquire_until(t); });
  gos::wait_group g;
  g.add(1);
  check_time([&](auto d) { return g.wait_for(d); }, [&](auto t) { return g.wait_until(t); });
  g.done();
  auto gate = gos::make_chan<void>();
  auto handle = gos::spawn([gate] { gate.recv(); });
  check_time([&](auto d) { return handle.wait_for(d); }, [&](auto t) { return handle.wait_until(t); });
  gate.send();
  EXPECT_TRUE(handle.wait_for(1h));
  handle.join();
  auto ch = gos::make_chan<int>();
  check_time([&](auto d) { return ch.send_for(1, d); }, [&](auto t) { return ch.send_until(1, t); });
  check_time([&](auto d) { return ch.recv_for(d).has_value(); },
             [&](auto t) { return ch.recv_until(t).has_value(); });
  const gos::chan<int> nil;
  check_time([&](auto d) { return nil.send_for(1, d); },
             [&](auto t) { return nil.recv_until(t).has_value(); });
}

TEST(LimitsInTime, condition_variable) {
  gos::mutex m;
  gos::condition_variable changed;
  std::unique_lock held(m);
  check_time([&](auto d) { return changed.wait_for(held, d) == std::cv_status::no_timeout; },
             [&](auto t) { return changed.wait_until(held, t) == std::cv_status::no_timeout; });
  check_time([&](auto d) { return changed.wait_for(held, d, [] { return false; }); },
             [&](auto t) { return changed.wait_until(held, t, [] { return false; }); });
  // Without any time left, the mutex is let go all the same.
  bool set = false;
  gos::go([&] {
    const std::lock_guard other(m);
    set = true;
  });
  while (!set) (void)changed.wait_for(held, 0s);
  std::unique_lock<gos::mutex> none;
  EXPECT_EQ(panic_text([&] { (void)changed.wait_for(none, 1s); }),
            "wait on a condition variable without the mutex");
}

TEST(LimitsInTime, saturate) {
  auto ch = gos::make_chan<int>();
  gos::go([=] { ch.send(5); });
  EXPECT_EQ(ch.recv_for(std::chrono::hours::max()).value(), 5);
  gos::mutex m;
  m.lock();
  gos::go([&] { m.unlock(); });
  EXPECT_TRUE(m.try_lock_until(gos::time_point::max()));
  m.unlock();
}

// A channel's close ends a limited wait as it ends any.
TEST(LimitsInTime, close) {
  auto ch = gos::make_chan<int>();
  gos::go([=] {
    gos::sleep(brief);
    ch.close();
  });
  EXPECT_EQ(ch.recv_for(1h).error(), recv_status::closed);
}

TEST(LimitsInTime, descriptors) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto late = gos::net::wait_readable_for(ends[0], brief);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message(), "wait: i/o timeout");
  EXPECT_TRUE(gos::net::wait_writable_for(ends[1], brief));
  gos::wait_group stoppers;
  with_context by_context;
  stoppers.go([&] {
    gos::sleep(brief);
    by_context.stop();
  });
  EXPECT_EQ(gos::net::wait_readable(ends[0], by_context.condition()).error(),
            gos::make_error_code(gos::context_errc::canceled));
  with_token by_token;
  stoppers.go([&] {
    gos::sleep(brief);
    by_token.stop();
  });
  EXPECT_EQ(gos::net::wait_readable(ends[0], by_token.condition()).error(), std::errc::operation_canceled);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_TRUE(gos::net::wait_readable_for(ends[0], 1h));
  stoppers.wait();
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(gos::net::wait_readable_for(-1, brief).error(), std::errc::bad_file_descriptor);
}

// Contexts and stop tokens, each as the other -------------------------------------------------------------------------

TEST(StopTokens, cancel_contexts) {
  std::stop_source source;
  auto [ctx, cancel] = gos::with_stop(gos::background(), source.get_token());
  EXPECT_FALSE(ctx.err());
  std::thread([&] { source.request_stop(); }).join();
  ctx.done().recv();
  EXPECT_EQ(ctx.err(), gos::make_error_code(gos::context_errc::canceled));
  cancel();

  auto late = gos::with_stop(gos::background(), source.get_token());
  EXPECT_TRUE(late.ctx.err()) << "the stop had been requested before";

  std::stop_source other;
  auto own = gos::with_stop(gos::background(), other.get_token());
  own.cancel();
  other.request_stop();
  EXPECT_TRUE(own.ctx.err());
}

TEST(StopTokens, come_from_contexts) {
  auto [ctx, cancel] = gos::with_cancel(gos::background());
  const std::stop_token token = gos::to_stop_token(ctx);
  EXPECT_TRUE(token.stop_possible());
  EXPECT_FALSE(token.stop_requested());
  cancel();
  EXPECT_TRUE(eventually([&] { return token.stop_requested(); }));
  EXPECT_TRUE(gos::to_stop_token(ctx).stop_requested());
}

}  // namespace
// Who leaves a queue at its time limit may find that the one who is to empty it has been set aside in the middle of that, and
// wants the processor: with one processor, the same. `end` is what that one does, `wait` what is limited.
template <class End, class Wait> void end_set_aside_at_a_limit(End end, Wait wait) {
  std::atomic<bool> begun{false};
  std::atomic<bool> go_on{false};
  std::atomic<bool> ending{false};
  const auto limit = 60ms;
  gos::wait_group all;
  all.go([&] {
    begun = true;
    while (!go_on) {}  // loses its processor
    ending = true;
    end();  // waits for one half way
  });
  while (!begun) gos::yield();
  const auto started = std::chrono::steady_clock::now();
  all.go([&] { wait(limit); });
  gos::sleep(limit - 4ms);
  go_on = true;
  while (!ending || std::chrono::steady_clock::now() < started + limit + 2ms) {}  // has the processor meanwhile
  all.wait();
}

TEST(Limits, a_limit_ends_while_the_last_reader_is_set_aside) {
  gos::run([] {
    for (int round = 0; round < rounds(4); ++round) {
      gos::shared_mutex m;
      m.lock_shared();
      end_set_aside_at_a_limit([&] { m.unlock_shared(); },
                               [&](auto limit) {
                                 if (m.try_lock_for(limit)) m.unlock();
                               });
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    }
  });
}

TEST(Limits, a_limit_ends_while_the_last_done_is_set_aside) {
  gos::run([] {
    for (int round = 0; round < rounds(4); ++round) {
      gos::wait_group group;
      group.add(1);
      end_set_aside_at_a_limit([&] { group.done(); }, [&](auto limit) { static_cast<void>(group.wait_for(limit)); });
      EXPECT_TRUE(group.wait_for(0s));
    }
  });
}

}  // namespace gos_test
