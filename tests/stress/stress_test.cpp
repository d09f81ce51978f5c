// Everything at once, for GOS_STRESS_SECONDS (5 unless set): goroutines and plain threads that pass tokens through channels
// and selects, move money under mutexes, build trees of joins, throw, sleep, block their thread, hog a processor, pin
// themselves, while the number of processors changes. In the end every token and every coin must be there, once.
//
// GOS_DEBUG=migrate, which the runtime reads, moves a goroutine to another thread at each wake. A failure is repeated with
// the printed GOS_TEST_SEED, as far as a schedule repeats.
#include "fixture.hpp"

#include <array>
#include <mutex>
#include <stdexcept>

using namespace gos_test;

namespace {

std::chrono::milliseconds how_long() {
  const char* text = std::getenv("GOS_STRESS_SECONDS");
  const long seconds = text != nullptr ? std::atol(text) : 5;
  return std::chrono::seconds(seconds > 0 ? seconds : 5);
}

using random_source = std::mt19937_64;

bool one_in(random_source& random, unsigned n) { return random() % n == 0; }

// tokens -------------------------------------------------------------------------------------------------------------

struct token {
  std::uint64_t id = 0;
  std::uint64_t guard = 0;  // ~id, so that a torn or invented token shows
};

// A few channels of different capacities, and the tokens in them.
struct token_ring {
  static constexpr std::size_t channels = 6, tokens = 40;
  std::array<gos::chan<token>, channels> ring;
  gos::chan<void> stop;
  std::atomic<long> moves = 0;
  gos::mutex returned_lock;
  std::vector<token> returned;  // under returned_lock

  explicit token_ring(gos::chan<void> s) : stop(std::move(s)) {
    for (std::size_t i = 0; i < channels; ++i) ring[i] = gos::make_chan<token>(i % 3 == 0 ? 0 : i * i);
  }

  void give_back(const token& t) {
    std::lock_guard lock(returned_lock);
    returned.push_back(t);
  }

  // Takes a token from somewhere; nothing when it is time to stop.
  std::optional<token> take(random_source& random) {
    std::optional<token> got;
    auto keep = [&](std::optional<token> t) { got = t; };
    bool stopped = false;
    auto note_stop = [&] { stopped = true; };
    auto any = [&]() -> const gos::chan<token>& { return ring[random() % channels]; };
    while (!got && !stopped) {
      switch (random() % 4) {
        case 0:
          if (auto t = any().try_recv()) got = *t;
          else gos::select(gos::recv(stop, note_stop), gos::otherwise());
          break;
        case 1:
          gos::select(gos::recv(any(), keep), gos::recv(stop, note_stop), gos::recv(any(), keep));
          break;
        case 2:
          gos::select(gos::recv(any(), keep), gos::recv(any(), keep), gos::recv(any(), keep),
                      gos::recv(stop, note_stop),
                      gos::after(std::chrono::microseconds(random() % 300), [] {}));
          break;
        default:
          gos::select({gos::recv(ring[0], keep), gos::recv(ring[1], keep), gos::recv(ring[2], keep),
                       gos::recv(ring[3], keep), gos::recv(ring[4], keep), gos::recv(ring[5], keep),
                       gos::recv(stop, note_stop)});
      }
    }
    return got;
  }

  // Puts a token somewhere, or aside when it is time to stop.
  void put(random_source& random, const token& t) {
    auto any = [&]() -> const gos::chan<token>& { return ring[random() % channels]; };
    for (;;) {
      switch (random() % 3) {
        case 0:
          if (any().try_send(t)) return;
          if (gos::select(gos::recv(stop), gos::otherwise()) == 0) return give_back(t);
          gos::yield();
          break;
        case 1:
          switch (gos::select(gos::send(any(), t), gos::recv(stop), gos::send(any(), t))) {
            case 1:
              return give_back(t);
            default:
              return;
          }
        default:
          switch (gos::select(gos::send(any(), t), gos::send(any(), t), gos::recv(stop),
                              gos::after(std::chrono::microseconds(random() % 300), [] {}))) {
            case 0:
            case 1:
              return;
            case 2:
              return give_back(t);
            default:
              break;
          }
      }
    }
  }

  void circulate(random_source random) {
    while (auto t = take(random)) {
      if (t->guard != ~t->id || t->id >= tokens) {
        ADD_FAILURE() << "a token that nobody made: " << t->id;
        return;
      }
      switch (random() % 32) {
        case 0:
          gos::sleep(std::chrono::microseconds(random() % 200));
          break;
        case 1:
          gos::yield();
          break;
        case 2:
          gos::blocking([&] { ::usleep(static_cast<useconds_t>(random() % 100)); });
          break;
        default:
          break;
      }
      put(random, *t);
      ++moves;
    }
  }

  void check() {
    for (const auto& ch : ring) {
      while (auto t = ch.try_recv()) returned.push_back(*t);
    }
    std::vector<int> seen(tokens);
    for (const token& t : returned) ++seen.at(t.id);
    EXPECT_EQ(returned.size(), tokens);
    EXPECT_GT(moves, static_cast<long>(tokens));
    for (std::size_t i = 0; i < tokens; ++i) EXPECT_EQ(seen[i], 1) << "token " << i;
  }
};

// money --------------------------------------------------------------------------------------------------------------

struct bank {
  static constexpr std::size_t accounts = 8;
  struct account {
    gos::mutex lock;
    long money = 1000;
  };
  std::array<account, accounts> all;

  void transfer(random_source& random) {
    const std::size_t from = random() % accounts, to = random() % accounts;
    if (from == to) {
      if (!all[from].lock.try_lock()) return;
      std::lock_guard adopted(all[from].lock, std::adopt_lock);
      all[from].money += 1;
      if (one_in(random, 64)) gos::yield();
      all[from].money -= 1;
      return;
    }
    std::scoped_lock both(all[from].lock, all[to].lock);
    const long sum = std::min(all[from].money, static_cast<long>(random() % 100));
    all[from].money -= sum;
    if (one_in(random, 128)) gos::sleep(20us);
    all[to].money += sum;
  }

  void check() {
    long sum = 0;
    for (auto& a : all) {
      std::lock_guard lock(a.lock);
      sum += a.money;
    }
    EXPECT_EQ(sum, 1000L * accounts);
  }
};

// short lives --------------------------------------------------------------------------------------------------------

// Sums 0..2^depth-1 by a tree of goroutines, some of which throw on the way; each exception is caught by the joiner.
long tree(int depth, long first, std::uint64_t seed) {
  if (depth == 0) {
    if (seed % 7 == 0) throw first;
    return first;
  }
  auto left = gos::spawn(tree, depth - 1, first, seed * 6364136223846793005U + 1);
  auto right = gos::spawn(tree, depth - 1, first + (1L << (depth - 1)), seed * 2862933555777941757U + 3);
  auto joined = [](gos::join_handle<long>& h) {
    try {
      return h.join();
    } catch (long thrown) {
      gos::yield();  // On another thread perhaps, and still in the catch block.
      return thrown;
    }
  };
  return joined(left) + joined(right);
}

void pipeline(random_source& random) {
  const int n = static_cast<int>(random() % 50), stages = 1 + static_cast<int>(random() % 4);
  auto first = gos::make_chan<int>(random() % 3), in = first;
  for (int s = 0; s < stages; ++s) {
    auto out = gos::make_chan<int>(random() % 3);
    gos::go([in, out] {
      for (int v : in) out.send(v + 1);
      out.close();
    });
    in = out;
  }
  gos::go([first, n] {
    for (int i = 0; i < n; ++i) first.send(i);
    first.close();
  });
  int expected = stages;
  for (int v : in) EXPECT_EQ(v, expected++);
  EXPECT_EQ(expected, stages + n);
}

void panic_and_recover(random_source& random) {
  const auto text = "panic " + std::to_string(random() % 1000);
  int deferred = 0;
  std::string caught;
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([&] { ++deferred; });
    defer([&] {
      gos::yield();
      if (auto p = gos::recover()) caught = p->message();
    });
    if (one_in(random, 2)) gos::sleep(10us);
    gos::panic(text);
  });
  EXPECT_EQ(caught, text);
  EXPECT_EQ(deferred, 1);
}

// A goroutine's own things stay its own.
void keep_to_oneself(random_source& random, gos::goroutine_local<std::uint64_t>& local) {
  const std::uint64_t mine = random();
  *local = mine;
  try {
    throw mine;
  } catch (std::uint64_t caught) {
    for (int i = 0; i < 5; ++i) {
      gos::yield();
      EXPECT_EQ(*local, mine);
    }
    EXPECT_EQ(caught, mine);
    EXPECT_THROW(throw, std::uint64_t);
  }
}

TEST(Stress, everything_at_once) {
  const auto duration = how_long();
  time_limit(duration + 60s);
  const int procs_before = gos::runtime::max_procs();
  auto stop = gos::make_chan<void>();
  token_ring tokens(stop);
  bank money;
  gos::goroutine_local<std::uint64_t> local;
  std::atomic<bool> over = false;
  std::atomic<long> steps = 0;

  gos::wait_group goroutines;
  std::vector<std::thread> threads;
  // Repeats a step with a generator of its own until it is time to stop.
  auto repeat = [&](int copies, auto step) {
    for (int i = 0; i < copies; ++i) {
      goroutines.go([&, step, random = rng()]() mutable {
        while (!over) {
          step(random);
          ++steps;
        }
      });
    }
  };

  for (int i = 0; i < 12; ++i) goroutines.go([&, random = rng()] { tokens.circulate(random); });
  for (int i = 0; i < 2; ++i) threads.emplace_back([&, random = rng()] { tokens.circulate(random); });
  goroutines.go([&, random = rng()]() mutable {
    for (std::uint64_t id = 0; id < token_ring::tokens; ++id) tokens.put(random, {id, ~id});
  });
  goroutines.go([&, random = rng()]() mutable {
    gos::pin pinned;
    tokens.circulate(random);
  });

  repeat(6, [&](random_source& random) { money.transfer(random); });
  repeat(1, [&](random_source&) {
    // All locks at once, in one order, and nothing may be missing meanwhile.
    std::unique_lock<gos::mutex> locks[bank::accounts];
    long sum = 0;
    // scoped_lock in transfer() backs off, so one fixed order here cannot deadlock.
    for (std::size_t i = 0; i < bank::accounts; ++i) {
      locks[i] = std::unique_lock(money.all[i].lock);
      sum += money.all[i].money;
    }
    EXPECT_EQ(sum, 1000L * static_cast<long>(bank::accounts));
    for (auto& lock : locks) lock.unlock();
    gos::sleep(200us);
  });
  threads.emplace_back([&, random = rng()]() mutable {
    while (!over) {
      money.transfer(random);
      if (one_in(random, 16)) std::this_thread::sleep_for(100us);
    }
  });

  repeat(2, [](random_source& random) {
    const int depth = 1 + static_cast<int>(random() % 5);
    EXPECT_EQ(tree(depth, 0, random() | 1), ((1L << depth) - 1) * (1L << depth) / 2);
  });
  repeat(2, [](random_source& random) { pipeline(random); });
  repeat(2, [](random_source& random) { panic_and_recover(random); });
  repeat(3, [&](random_source& random) { keep_to_oneself(random, local); });
  repeat(1, [](random_source& random) {
    if (one_in(random, 8)) burn(12ms);  // Longer than a time slice, without entering the runtime.
    gos::sleep(std::chrono::milliseconds(random() % 20));
  });
  repeat(1, [](random_source& random) {
    gos::sleep(std::chrono::milliseconds(random() % 30));
    gos::runtime::set_max_procs(1 + static_cast<int>(random() % 8));
  });
  repeat(1, [](random_source& random) {
    ::usleep(static_cast<useconds_t>(random() % 30'000));  // Behind the runtime's back.
    gos::sleep(5ms);
  });
  repeat(1, [](random_source&) {
    EXPECT_FALSE(dump_headers(gos::runtime::stack_dump(true)).empty());
    gos::sleep(50ms);
  });

  std::this_thread::sleep_for(duration);
  over = true;
  stop.close();
  for (auto& t : threads) t.join();
  goroutines.wait();
  gos::runtime::set_max_procs(procs_before);
  EXPECT_TRUE(goroutine_count_settles(0));
  tokens.check();
  money.check();
  EXPECT_GT(steps, 100);
  std::printf("[  stress  ] %ld steps, %ld moves of tokens\n", steps.load(), tokens.moves.load());
}

// Goroutines in great numbers that come and go while others wait.
TEST(Stress, waves_of_goroutines) {
  auto random = rng();
  for (int wave = 0; wave < rounds(40); ++wave) {
    gos::run([&] {
      const int n = live(1 + static_cast<int>(random() % 3000));
      auto gate = gos::make_chan<void>();
      auto out = gos::make_chan<int>(random() % 100);
      std::atomic<int> slept = 0;
      for (int i = 0; i < n; ++i) {
        gos::go([=, &slept] {
          if (i % 3 == 0) gate.recv();
          if (i % 3 == 1) gos::sleep(std::chrono::microseconds(i % 500));
          ++slept;
          out.send(1);
        });
      }
      gate.close();
      int sum = 0;
      for (int i = 0; i < n; ++i) sum += out.recv().value();
      EXPECT_EQ(sum, n);
      EXPECT_EQ(slept, n);
      EXPECT_EQ(out.size(), 0U);
      EXPECT_TRUE(goroutine_count_settles(1));
    });
  }
}

}  // namespace
