// The public face: every declaration of the core, used as its documentation says. What this file does not compile with is a
// change of the interface. Most of it only has to compile; the rest of the suite shows what it does.
#include <gossamer/fd.hpp>
#include <gossamer/net.hpp>

#include <any>
#include <compare>
#include <concepts>
#include <csignal>
#include <shared_mutex>
#include <thread>

#include "fixture.hpp"

namespace gos_test {
namespace {

struct movable {
  explicit movable(int n) : number(n) {}
  movable(movable&&) noexcept = default;
  movable& operator=(movable&&) noexcept = default;
  int number;
};

template <class T> constexpr bool move_only = std::is_nothrow_move_constructible_v<T> &&
                                              std::is_nothrow_move_assignable_v<T> && !std::is_copy_constructible_v<T>;
template <class T> constexpr bool fixed = !std::is_copy_constructible_v<T> && !std::is_move_constructible_v<T> &&
                                          !std::is_copy_assignable_v<T>;

// time vocabulary
static_assert(std::same_as<gos::duration, std::chrono::nanoseconds>);
static_assert(std::same_as<gos::time_point, std::chrono::steady_clock::time_point>);
static_assert(std::same_as<decltype(gos::now()), gos::time_point>);
static_assert(gos::any_duration<std::chrono::hours> && gos::any_duration<std::chrono::duration<float>> &&
              !gos::any_duration<int>);

// values and what they may do
static_assert(move_only<gos::join_handle<int>> && move_only<gos::timer> && move_only<gos::ticker>);
static_assert(fixed<gos::mutex> && fixed<gos::shared_mutex> && fixed<gos::condition_variable> && fixed<gos::wait_group> &&
              fixed<gos::once> && fixed<gos::weighted_semaphore> && fixed<gos::error_group> && fixed<gos::task_group> &&
              fixed<gos::pin> && fixed<gos::defer_stack>);
static_assert(!std::is_nothrow_destructible_v<gos::task_group>);
static_assert(std::copyable<gos::chan<movable>> && std::copyable<gos::send_chan<int>> &&
              std::copyable<gos::recv_chan<void>> && std::copyable<gos::context> && std::copyable<gos::cancel_function> &&
              std::copyable<gos::select_case> && std::copyable<gos::panic_value>);
static_assert(std::convertible_to<gos::chan<int>, gos::send_chan<int>> &&
              std::convertible_to<gos::chan<int>, gos::recv_chan<int>> &&
              !std::convertible_to<gos::send_chan<int>, gos::chan<int>>);
static_assert(std::same_as<gos::chan<int>::value_type, int> && std::same_as<gos::recv_chan<void>::value_type, void>);
static_assert(std::input_iterator<decltype(std::declval<gos::recv_chan<int>>().begin())>);

TEST(Api, running_and_spawning) {
  EXPECT_EQ(gos::run([] { return 3; }), 3);
  EXPECT_EQ(gos::run([] {}), 0);
  gos::run([] {
    gos::wait_group ended;
    ended.add(2);
    gos::go([&](int n, const movable& m) { ended.add(-n + m.number); }, 2, movable(1));
    gos::go({.name = "named", .stack_size = 64 << 10}, [&] { ended.done(); });
    ended.wait();
    gos::join_handle<int> handle = gos::spawn([](int n) { return n; }, 7);
    gos::join_handle<int> moved = std::move(handle);
    EXPECT_EQ(moved.join(), 7);
    gos::spawn([] {}).join();
    gos::yield();
    gos::go([] { gos::goexit(); });
    EXPECT_EQ(gos::blocking([] { return 5; }), 5);
    const gos::pin pinned;
    static gos::goroutine_local<int> own(4);
    static gos::goroutine_local<std::string> text;
    EXPECT_EQ(*own + static_cast<int>(text->size()), 4);
  });
}

template <class Send, class Recv> void use_channel(Send out, Recv in) {
  EXPECT_TRUE(out && in);
  EXPECT_EQ(out.size() + in.size(), 0U);
  EXPECT_EQ(out.capacity(), in.capacity());
  out.send(1);
  const int two = 2;
  out.send(two);
  EXPECT_TRUE(out.try_send(3));
  EXPECT_TRUE(out.try_send(two));
  EXPECT_EQ(in.recv(), 1);
  EXPECT_EQ(in.try_recv(), 2);
  out.close();
  int sum = 0;
  for (const int n : in) sum += n;
  EXPECT_EQ(sum, 5);
  EXPECT_EQ(in.begin(), in.end());
  EXPECT_EQ(in.try_recv().error(), gos::recv_status::closed);
}

template <class Send, class Recv> void use_event_channel(Send out, Recv in) {
  out.send();
  EXPECT_TRUE(out.try_send());
  EXPECT_TRUE(in.recv());
  EXPECT_TRUE(in.try_recv());
  EXPECT_EQ(in.try_recv().error(), gos::recv_status::empty);
  EXPECT_EQ(out.size() + in.size(), 0U);
  EXPECT_EQ(out.capacity(), in.capacity());
  out.close();
  EXPECT_FALSE(in.recv());
}

TEST(Api, channels) {
  const auto ints = gos::make_chan<int>(8);
  use_channel(ints, ints);
  const auto more = gos::make_chan<int>(8);
  use_channel(gos::send_chan<int>(more), gos::recv_chan<int>(more));
  const auto events = gos::make_chan<void>(8);
  use_event_channel(events, events);
  const auto more_events = gos::make_chan<void>(8);
  use_event_channel(gos::send_chan<void>(more_events), gos::recv_chan<void>(more_events));
  EXPECT_EQ(ints, ints);
  EXPECT_NE(gos::send_chan<int>(ints), gos::send_chan<int>(more));
  EXPECT_EQ(gos::recv_chan<int>(nullptr), gos::recv_chan<int>());
  EXPECT_FALSE(gos::chan<movable>());
  const auto moving = gos::make_chan<movable>(1);
  moving.send(movable(3));
  EXPECT_EQ(moving.recv()->number, 3);
}

TEST(Api, select) {
  const auto ints = gos::make_chan<int>(4);
  const auto events = gos::make_chan<void>(4);
  const gos::send_chan<int> out = ints;
  const gos::recv_chan<int> in = ints;
  const gos::send_chan<void> tell = events;
  const gos::recv_chan<void> told = events;
  int calls = 0;
  const auto note = [&] { ++calls; };
  EXPECT_EQ(gos::select(gos::send(ints, 1), gos::recv(gos::chan<int>())), 0U);
  EXPECT_EQ(gos::select({gos::send(out, 2, note)}), 0U);
  gos::select({gos::send(ints, 3, note)});
  gos::select({gos::recv(ints)});
  gos::select({gos::recv(in, [&](std::optional<int> n) { calls += *n - 1; })});
  gos::select({gos::recv(ints, note)});
  gos::select({gos::send(events)});
  gos::select({gos::send(tell)});
  gos::select({gos::send(events, note)});
  gos::select({gos::send(tell, note)});
  gos::select({gos::recv(events)});
  gos::select({gos::recv(told)});
  gos::select({gos::recv(events, [&](bool event) { calls += event ? 1 : 0; })});
  gos::select({gos::recv(told, note)});
  gos::select({gos::recv(in), gos::after(0s, note)});
  gos::select({gos::recv(gos::after(0s))});
  gos::select({gos::recv(in), gos::otherwise()});
  gos::select({gos::recv(in), gos::otherwise(note)});
  gos::select_case stored = gos::otherwise();
  const gos::select_case copy = stored;
  stored = copy;
  std::vector<gos::select_case> list{gos::recv(in), stored};
  EXPECT_EQ(gos::select(std::span<gos::select_case>(list)), 1U);
  EXPECT_EQ(calls, 10);
}

TEST(Api, locks_and_waiting) {
  gos::mutex m;
  {
    const std::lock_guard held(m);
    EXPECT_FALSE(m.try_lock());
  }
  gos::shared_mutex s;
  {
    const std::scoped_lock both(m, s);
    EXPECT_FALSE(s.try_lock_shared());
  }
  {
    const std::shared_lock reading(s);
    EXPECT_FALSE(s.try_lock());
  }
  std::unique_lock held(m);
  gos::condition_variable changed;
  bool ready = false;
  gos::go([&] {
    const std::lock_guard other(m);
    ready = true;
    changed.notify_one();
    changed.notify_all();
  });
  changed.wait(held, [&] { return ready; });
  gos::wait_group group;
  group.add(1);
  group.go([](int) {}, 1);
  group.done();
  group.wait();
  gos::once once;
  int calls = 0;
  once.call([&] { ++calls; });
  const std::function<void()> first = gos::once_func([&] { ++calls; });
  const std::function<int()> value = gos::once_value([&] { return ++calls; });
  first();
  first();
  EXPECT_EQ(value() + value(), 6);
  gos::weighted_semaphore units(2);
  units.acquire();
  EXPECT_FALSE(units.acquire(gos::background(), 1));
  EXPECT_FALSE(units.try_acquire(1));
  units.release(2);
}

TEST(Api, pool_and_map) {
  gos::pool<int> numbers([] { return 9; });
  EXPECT_EQ(numbers.get(), 9);
  numbers.put(1);
  EXPECT_TRUE(gos::pool<std::string>().get() == std::nullopt);
  gos::concurrent_map<std::string, int> map;
  map.store("a", 1);
  const auto& constant = map;
  EXPECT_EQ(constant.load("a"), 1);
  EXPECT_EQ(map.load_or_store("a", 2), std::pair(1, true));
  EXPECT_EQ(map.swap("a", 3), 1);
  EXPECT_TRUE(map.compare_and_swap("a", 3, 4));
  EXPECT_FALSE(map.compare_and_delete("a", 3));
  EXPECT_EQ(map.load_and_delete("a"), 4);
  map.erase("a");
  map.range([](const std::string&, int) { return true; });
  map.clear();
}

TEST(Api, time) {
  gos::sleep(1us);
  gos::sleep(std::chrono::duration<double>(0));
  gos::sleep_until(gos::now());
  gos::recv_chan<gos::time_point> soon = gos::after(1ms);
  EXPECT_TRUE(soon.recv());
  gos::timer none;
  gos::timer later(1h);
  none = std::move(later);
  EXPECT_TRUE(none.channel());
  EXPECT_TRUE(none.reset(2h));
  EXPECT_TRUE(none.stop());
  gos::ticker beat(1h);
  gos::ticker other = std::move(beat);
  other.reset(2h);
  EXPECT_TRUE(other.channel());
  other.stop();
  gos::timer call = gos::after_func(1h, [] {});
  EXPECT_TRUE(call.stop());
}

TEST(Api, contexts_and_groups) {
  auto [ctx, cancel] = gos::with_cancel(gos::background());
  const auto cause = std::make_error_code(std::errc::io_error);
  const gos::cancellable limited = gos::with_timeout(ctx, 1h);
  const gos::cancellable limited_by = gos::with_timeout(ctx, std::chrono::minutes(1), cause);
  const gos::cancellable dated = gos::with_deadline(ctx, gos::now() + 1h);
  const gos::cancellable dated_by = gos::with_deadline(ctx, gos::now() + 1h, cause);
  const gos::context valued = gos::with_value(ctx, std::string("key"), 5);
  EXPECT_EQ(valued.value<int>(std::string("key")), 5);
  EXPECT_TRUE(limited.ctx.deadline());
  const std::function<bool()> stop = gos::after_func(ctx, [] {});
  EXPECT_TRUE(stop());
  cancel(cause);
  cancel();
  EXPECT_FALSE(ctx.done().recv());
  EXPECT_TRUE(ctx.err());
  EXPECT_EQ(gos::cause(dated_by.ctx), cause);
  EXPECT_FALSE(gos::without_cancel(ctx).err());
  for (const auto* made : {&limited, &limited_by, &dated, &dated_by}) made->cancel();

  gos::error_group errors(gos::background());
  errors.set_limit(2);
  errors.go([] { return std::error_code(); });
  EXPECT_TRUE(errors.try_go([cause] { return cause; }));
  EXPECT_FALSE(errors.ctx().deadline());
  EXPECT_EQ(errors.wait(), cause);
  EXPECT_FALSE(gos::error_group().wait());
  gos::task_group tasks;
  tasks.go([](int) {}, 1);
  tasks.wait();
  gos::single_flight<std::string, int> flights;
  EXPECT_EQ(flights.run("a", [] { return 4; }), std::pair(4, false));
  flights.forget("a");
}

TEST(Api, panics) {
  std::optional<gos::panic_value> caught;
  gos::run([&] {
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&](int) { caught = gos::recover(); }, 1);
      gos::panic(std::string("text"));
    });
    EXPECT_FALSE(gos::recover());
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([] { EXPECT_TRUE(gos::recover()); });
      const gos::defer at_end([] {});
      gos::panic(*caught);
    });
  });
  EXPECT_EQ(caught->message(), "text");
  EXPECT_EQ(*caught->value<std::string>(), "text");
  EXPECT_EQ(caught->value<int>(), nullptr);
  EXPECT_FALSE(caught->stack_trace().empty());
  EXPECT_FALSE(caught->is_runtime_error());
}

TEST(Api, runtime) {
  namespace runtime = gos::runtime;
  EXPECT_GE(runtime::num_goroutine() + 1, 1U);
  EXPECT_GE(runtime::num_cpu(), 1);
  EXPECT_EQ(runtime::set_max_procs(0), runtime::max_procs());
  EXPECT_FALSE(runtime::stack_dump().empty());
  EXPECT_FALSE(runtime::stack_dump(true).empty() && runtime::num_goroutine() != 0);
  const runtime::statistics numbers = runtime::stats();
  EXPECT_EQ(numbers.processors, runtime::max_procs());
  EXPECT_GE(runtime::set_max_threads(0), 1);
  // 24 days: nothing that other tests left waits for so long.
  EXPECT_EQ(runtime::leaks(std::chrono::hours(24 * 24)).size(), 0U);
  EXPECT_EQ(runtime::leak_report(std::chrono::hours(24 * 24)), "");
  [[maybe_unused]] const auto fields = [](const runtime::leak& l) -> std::pair<std::uint64_t, bool> {
    return {l.goroutine, l.certain && l.text.empty()};
  };
  runtime::lock_os_thread();
  runtime::unlock_os_thread();
}

TEST(Api, signals) {
  const auto signals = gos::make_chan<int>(1);
  gos::notify(signals, SIGUSR1, SIGUSR2);
  gos::stop_notify(signals);
  const auto [ctx, cancel] = gos::notify_context(gos::background(), SIGUSR1);
  cancel();
  EXPECT_TRUE(ctx.err());
}

TEST(Api, errors_and_network) {
  const gos::error failed(std::make_error_code(std::errc::timed_out));
  EXPECT_TRUE(failed == std::errc::timed_out);
  EXPECT_EQ(static_cast<std::error_code>(failed), failed.code());
  EXPECT_FALSE(failed.message().empty());
  auto listener = gos::net::listen("tcp", "127.0.0.1:0");
  ASSERT_TRUE(listener);
  gos::result<gos::net::tcp_conn> mine = gos::net::dial("tcp", listener->address().to_string());
  gos::result<gos::net::tcp_conn> theirs = listener->accept();
  ASSERT_TRUE(mine && theirs);
  EXPECT_EQ(mine->remote_address().port(), listener->address().port());
  EXPECT_EQ(mine->remote_address().host(), "127.0.0.1");
  EXPECT_TRUE(mine->no_delay(true) && mine->keep_alive(true) && mine->linger(0));
  EXPECT_TRUE(mine->set_deadline(gos::now() + 1h) && mine->set_read_deadline({}) && mine->set_write_deadline({}));
  EXPECT_EQ(mine->write_some("abc"), 3U);
  EXPECT_EQ(mine->write_all(std::as_bytes(std::span("d", 1))), 1U);
  char text[4];
  EXPECT_EQ(theirs->read_full(std::span(text)), 4U);
  EXPECT_TRUE(gos::net::wait_writable(theirs->native_handle()));
  EXPECT_TRUE(mine->close_write());
  EXPECT_TRUE(gos::net::wait_readable(theirs->native_handle()));
  EXPECT_EQ(theirs->read_some(std::span(text)), 0U);
  std::byte raw[1];
  EXPECT_EQ(theirs->read_some(std::span(raw)), 0U);
  EXPECT_TRUE(listener->set_deadline(gos::now()));
  EXPECT_FALSE(listener->accept());
  EXPECT_TRUE(mine->close() && theirs->close() && listener->close());
  EXPECT_FALSE(gos::net::dial("tcp", "127.0.0.1:1", gos::background()));
}

}  // namespace
}  // namespace gos_test
