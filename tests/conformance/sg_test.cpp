// SG: signals on channels, and contexts that end with a signal.
#include "child.hpp"

#include <csignal>

using namespace gos_test;

namespace {

// The effect that a signal had before anybody registered: it is counted.
class counting_handler {
 public:
  explicit counting_handler(int signal) : signal_(signal) {
    count = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { ++count; };
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, &before_);
  }
  ~counting_handler() { ::sigaction(signal_, &before_, nullptr); }
  counting_handler(const counting_handler&) = delete;
  counting_handler& operator=(const counting_handler&) = delete;

  static inline std::atomic<int> count{0};

 private:
  int signal_;
  struct sigaction before_ {};
};

// Registered for a scope.
class registered {
 public:
  template <class... Signal> explicit registered(gos::chan<int> ch, Signal... signals) : ch_(std::move(ch)) {
    gos::notify(ch_, signals...);
  }
  ~registered() { gos::stop_notify(ch_); }
  registered(const registered&) = delete;
  registered& operator=(const registered&) = delete;

 private:
  gos::chan<int> ch_;
};

TEST(SG, SG_02_signals_come_on_a_channel) {
  auto ch = gos::make_chan<int>(1);
  const registered guard(ch, SIGUSR1, SIGUSR2);
  for (int i = 0; i < 20; ++i) {
    const int signal = i % 2 == 0 ? SIGUSR1 : SIGUSR2;
    ::kill(::getpid(), signal);
    EXPECT_EQ(ch.recv(), signal);
  }
}

TEST(SG, SG_02_a_select_waits_for_them_beside_others) {
  gos::spawn([] {
    auto signals = gos::make_chan<int>(1);
    auto never = gos::make_chan<int>();
    const registered guard(signals, SIGUSR1);
    std::thread sender([] {
      EXPECT_TRUE(blocked("select"));
      ::kill(::getpid(), SIGUSR1);
    });
    int got = 0;
    gos::select(gos::recv(never), gos::recv(signals, [&](std::optional<int> which) { got = *which; }));
    EXPECT_EQ(got, SIGUSR1);
    sender.join();
  }).join();
}

TEST(SG, SG_02_each_channel_gets_its_own_copy) {
  std::vector<gos::chan<int>> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(gos::make_chan<int>(1));
    gos::notify(all.back(), SIGUSR1);
  }
  ::kill(::getpid(), SIGUSR1);
  for (auto& ch : all) EXPECT_EQ(ch.recv(), SIGUSR1);
  for (auto& ch : all) gos::stop_notify(ch);
  for (auto& ch : all) EXPECT_EQ(ch.size(), 0u);
}

TEST(SG, SG_02_a_signal_is_dropped_for_a_channel_that_is_full) {
  auto full = gos::make_chan<int>(1), witness = gos::make_chan<int>(8);
  const registered both(witness, SIGUSR1, SIGUSR2);
  gos::notify(full, SIGUSR1, SIGUSR2);
  ::kill(::getpid(), SIGUSR1);
  EXPECT_EQ(witness.recv(), SIGUSR1);
  EXPECT_TRUE(eventually([&] { return full.size() == 1; }));
  ::kill(::getpid(), SIGUSR2);
  EXPECT_EQ(witness.recv(), SIGUSR2);
  gos::stop_notify(full);
  EXPECT_EQ(full.recv(), SIGUSR1);
  EXPECT_EQ(full.size(), 0u);
}

TEST(SG, SG_02_without_room_only_who_waits_gets_it) {
  auto ch = gos::make_chan<int>(), witness = gos::make_chan<int>(8);
  const registered first(ch, SIGUSR1);
  const registered second(witness, SIGUSR1);
  ::kill(::getpid(), SIGUSR1);
  EXPECT_EQ(witness.recv(), SIGUSR1);
  auto got = gos::spawn([ch] { return ch.recv().value(); });
  EXPECT_TRUE(blocked("chan receive"));
  ::kill(::getpid(), SIGUSR1);
  EXPECT_EQ(got.join(), SIGUSR1);
}

TEST(SG, SG_02_a_nil_channel_panics) {
  EXPECT_EQ(panic_text([] { gos::notify(gos::send_chan<int>(), SIGUSR1); }),
            "os/signal: Notify using nil channel");
  gos::stop_notify(nullptr);
  gos::stop_notify(gos::make_chan<int>());
}

TEST(SG, SG_02_registering_again_adds_signals_and_without_names_it_is_all) {
  auto ch = gos::make_chan<int>(16);
  const registered guard(ch, SIGUSR1);
  gos::notify(ch, SIGUSR2);
  gos::notify(ch, SIGUSR2);
  std::raise(SIGUSR2);
  EXPECT_EQ(ch.recv(), SIGUSR2);
  gos::notify(ch);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGWINCH, SIGCHLD, SIGRTMIN, SIGRTMAX}) {
    std::raise(signal);
    EXPECT_EQ(ch.recv(), signal);
  }
  EXPECT_EQ(ch.size(), 0u);
}

TEST(SG, SG_02_what_cannot_be_had_has_no_effect) {
  auto ch = gos::make_chan<int>(16);
  const registered guard(ch, SIGKILL, SIGSTOP, SIGSEGV, 0, -1, 65, 1000);
  struct sigaction present {};
  ::sigaction(SIGSEGV, nullptr, &present);
  gos::notify(ch);
  struct sigaction after {};
  ::sigaction(SIGSEGV, nullptr, &after);
  EXPECT_EQ(present.sa_sigaction, after.sa_sigaction);
}

TEST(SG, SG_02_no_goroutine_is_counted_for_it) {
  auto ch = gos::make_chan<int>(1);
  const registered guard(ch, SIGUSR1);
  EXPECT_TRUE(eventually([] { return gos::runtime::num_goroutine() == 0; }));
  ::kill(::getpid(), SIGUSR1);
  EXPECT_EQ(ch.recv(), SIGUSR1);
  EXPECT_TRUE(eventually([] { return gos::runtime::num_goroutine() == 0; }));
}

TEST(SG, SG_02_a_process_gets_what_is_sent_from_outside) {
  child c("death_sg", {"registered"});
  ASSERT_TRUE(c.read_until("ready\n")) << c.err();
  c.kill(SIGINT);
  ASSERT_TRUE(c.read_until("got 2\n")) << c.err();
  c.kill(SIGTERM);
  ASSERT_TRUE(c.read_until("got 15\n")) << c.err();
  c.kill(SIGHUP);
  ASSERT_TRUE(c.read_until("got 1\n")) << c.err();
  // SG-03: its former effect is back.
  ASSERT_TRUE(c.read_until("stopped\n")) << c.err();
  c.kill(SIGINT);
  const auto& result = c.wait();
  EXPECT_EQ(result.signal, SIGINT) << result;
}

TEST(SG, SG_01_what_nobody_registered_for_ends_the_process) {
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    child c("death_sg", {"unregistered"});
    ASSERT_TRUE(c.read_until("ready\n")) << c.err();
    c.kill(signal);
    const auto& result = c.wait();
    EXPECT_EQ(result.signal, signal) << result;
  }
}

// Also where dumps are not tested: ThreadSanitizer hands a signal on when the thread that got it next asks the C library.
TEST(SG, SG_01_the_programs_own_handler_of_SIGQUIT_stays) {
  for (int round = 0; round < 2; ++round) {
    child c("death_sg", {"own-quit"});
    ASSERT_TRUE(c.read_until("ready\n")) << c.err();
    c.kill(SIGQUIT);
    const auto& result = c.wait();
    EXPECT_EQ(result.status, 7) << result;
    EXPECT_EQ(result.out, "ready\nmine\n");
    EXPECT_EQ(result.err, "");
  }
}

TEST(SG, SG_01_a_registration_does_not_keep_the_process_alive) {
  const auto result = run_child("death_sg", {"ends"});
  EXPECT_EQ(result.status, 7) << result;
  EXPECT_EQ(result.err, "");
}

// Job control, too. Before the first registration, and after the last.
TEST(SG, SG_01_other_signals_keep_what_they_have) {
  const auto touched = [] {
    std::string which;
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGWINCH, SIGURG, SIGPIPE, SIGUSR1,
                             SIGUSR2, SIGALRM, SIGIO, SIGHUP, SIGINT, SIGTERM, SIGRTMIN, SIGRTMAX}) {
      struct sigaction present {};
      ::sigaction(signal, nullptr, &present);
      if (present.sa_handler != SIG_DFL && present.sa_handler != SIG_IGN)
        which += std::to_string(signal) + ' ';
    }
    return which;
  };
  gos::run([&] { EXPECT_EQ(touched(), ""); });
  auto ch = gos::make_chan<int>(1);
  gos::notify(ch);
  EXPECT_NE(touched(), "");
  gos::stop_notify(ch);
  EXPECT_EQ(touched(), "");
  child c("death_sg", {"unregistered"});
  ASSERT_TRUE(c.read_until("ready\n")) << c.err();
  for (const int signal : {SIGWINCH, SIGCHLD, SIGURG, SIGCONT, SIGUSR1}) c.kill(signal);
  const auto& result = c.wait();
  EXPECT_EQ(result.signal, SIGUSR1) << result;
}

TEST(SG, SG_03_after_stop_nothing_comes_and_the_former_effect_is_back) {
  const counting_handler former(SIGUSR1);
  auto first = gos::make_chan<int>(8), second = gos::make_chan<int>(8);
  gos::notify(first, SIGUSR1);
  gos::notify(second, SIGUSR1);
  std::raise(SIGUSR1);
  EXPECT_EQ(first.recv(), SIGUSR1);
  EXPECT_EQ(second.recv(), SIGUSR1);
  gos::stop_notify(first);
  std::raise(SIGUSR1);
  EXPECT_EQ(second.recv(), SIGUSR1);
  gos::stop_notify(second);
  EXPECT_EQ(former.count, 0);
  std::raise(SIGUSR1);
  EXPECT_EQ(former.count, 1);
  EXPECT_EQ(first.size() + second.size(), 0u);
  gos::stop_notify(second);
}

TEST(SG, SG_03_a_signal_that_was_ignored_is_ignored_again) {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR2, &ignore, &before);
  auto ch = gos::make_chan<int>(1);
  gos::notify(ch, SIGUSR2);
  std::raise(SIGUSR2);
  EXPECT_EQ(ch.recv(), SIGUSR2);
  gos::stop_notify(ch);
  std::raise(SIGUSR2);
  EXPECT_EQ(ch.size(), 0u);
  ::sigaction(SIGUSR2, &before, nullptr);
}

TEST(SG, SG_03_stop_returns_with_what_came_before) {
  const counting_handler former(SIGUSR1);
  auto ch = gos::make_chan<int>(1);
  for (int i = 0; i < rounds(500); ++i) {
    gos::notify(ch, SIGUSR1);
    std::raise(SIGUSR1);  // returns when it has been handled
    gos::stop_notify(ch);
    ASSERT_EQ(ch.size(), 1u);
    ch.recv();
  }
  EXPECT_EQ(former.count, 0);
}

// Each signal either reaches the channel or has its former effect, never both, never neither.
TEST(SG, SG_03_no_signal_is_lost_while_registrations_end) {
  const counting_handler former(SIGUSR1);
  auto ch = gos::make_chan<int>(4);
  auto random = rng();
  std::atomic<int> round{0}, sent{0};
  const int count = rounds(1000);
  std::thread sender([&, random = rng()]() mutable {
    for (int i = 1; i <= count; ++i) {
      while (round.load() < i) std::this_thread::yield();
      burn(std::chrono::nanoseconds(random() % 20'000));
      if (i % 2 == 0) {
        std::raise(SIGUSR1);
      } else {
        ::kill(::getpid(), SIGUSR1);
      }
      sent = i;
    }
  });
  for (int i = 1; i <= count; ++i) {
    const int before = former.count;
    gos::notify(ch, SIGUSR1);
    round = i;
    burn(std::chrono::nanoseconds(random() % 20'000));
    gos::stop_notify(ch);
    const int got = static_cast<int>(ch.size());
    EXPECT_TRUE(eventually([&] { return sent == i; }));
    EXPECT_TRUE(eventually([&] { return got + former.count - before == 1; }));
    EXPECT_EQ(static_cast<int>(ch.size()), got);
    if (got == 1) ch.recv();
  }
  sender.join();
}

TEST(SG, SG_03_many_register_and_stop_at_once) {
  const counting_handler former(SIGUSR1);
  std::atomic<bool> stop{false};
  gos::wait_group done;
  for (int i = 0; i < 4; ++i) {
    done.go([] {
      auto ch = gos::make_chan<int>(1);
      for (int k = 0; k < rounds(200); ++k) {
        gos::notify(ch, SIGUSR1, SIGUSR2);
        if (k % 4 == 0) gos::yield();
        gos::stop_notify(ch);
        ch.try_recv();
      }
    });
  }
  std::thread sender([&] {
    while (!stop) {
      ::kill(::getpid(), SIGUSR1);
      ::usleep(20);
    }
  });
  done.wait();
  stop = true;
  sender.join();
}

TEST(SG, SG_04_a_context_is_cancelled_with_the_signal_as_its_cause) {
  auto [ctx, stop] = gos::notify_context(gos::background(), SIGINT, SIGTERM);
  EXPECT_FALSE(ctx.err());
  std::raise(SIGINT);
  EXPECT_FALSE(ctx.done().recv());
  EXPECT_EQ(ctx.err(), gos::context_errc::canceled);
  const std::error_code cause = gos::cause(ctx);
  EXPECT_EQ(cause.message(), "interrupt signal received");
  EXPECT_TRUE(cause == std::errc::operation_canceled);
  EXPECT_EQ(cause.value(), SIGINT);
  EXPECT_TRUE(cause.category() == gos::signal_category());
  stop();
  EXPECT_EQ(gos::cause(ctx), cause);
}

TEST(SG, SG_04_the_words_for_signals) {
  for (const auto& [signal, text] :
       std::map<int, std::string>{{SIGHUP, "hangup"},
                                  {SIGQUIT, "quit"},
                                  {SIGTERM, "terminated"},
                                  {SIGUSR1, "user defined signal 1"},
                                  {SIGRTMIN, "signal " + std::to_string(SIGRTMIN)}}) {
    auto [ctx, stop] = gos::notify_context(gos::background(), signal);
    std::raise(signal);
    ctx.done().recv();
    EXPECT_EQ(gos::cause(ctx).message(), text + " signal received");
    stop();
  }
}

TEST(SG, SG_04_further_signals_are_suppressed_until_stop) {
  const counting_handler former(SIGUSR1);
  auto [ctx, stop] = gos::notify_context(gos::background(), SIGUSR1);
  std::raise(SIGUSR1);
  ctx.done().recv();
  for (int i = 0; i < 10; ++i) std::raise(SIGUSR1);
  EXPECT_EQ(former.count, 0);
  stop();
  EXPECT_EQ(former.count, 0);
  std::raise(SIGUSR1);
  EXPECT_EQ(former.count, 1);
  stop();
}

TEST(SG, SG_04_stop_and_the_parent_cancel_it_too) {
  const counting_handler former(SIGUSR1);
  {
    auto [ctx, stop] = gos::notify_context(gos::background(), SIGUSR1);
    stop();
    EXPECT_FALSE(ctx.done().recv());
    EXPECT_EQ(gos::cause(ctx), gos::context_errc::canceled);
    std::raise(SIGUSR1);
    EXPECT_EQ(former.count, 1);
  }
  auto [parent, cancel] = gos::with_cancel(gos::background());
  auto [ctx, stop] = gos::notify_context(parent, SIGUSR1);
  cancel(std::make_error_code(std::errc::owner_dead));
  EXPECT_EQ(gos::cause(ctx), std::errc::owner_dead);
  std::raise(SIGUSR1);
  EXPECT_EQ(former.count, 1);
  stop();
  std::raise(SIGUSR1);
  EXPECT_EQ(former.count, 2);
  EXPECT_EQ(panic_text([] { gos::notify_context(gos::context(), SIGUSR1); }),
            "cannot create context from nil parent");
}

TEST(SG, SG_04_several_contexts_and_channels_beside_each_other) {
  auto [one, stop_one] = gos::notify_context(gos::background(), SIGUSR1);
  auto [two, stop_two] = gos::notify_context(one, SIGUSR1, SIGUSR2);
  auto ch = gos::make_chan<int>(2);
  const registered guard(ch, SIGUSR1, SIGUSR2);
  std::raise(SIGUSR2);
  EXPECT_FALSE(two.done().recv());
  EXPECT_EQ(ch.recv(), SIGUSR2);
  EXPECT_FALSE(one.err());
  std::raise(SIGUSR1);
  EXPECT_FALSE(one.done().recv());
  EXPECT_EQ(ch.recv(), SIGUSR1);
  EXPECT_EQ(gos::cause(two).value(), SIGUSR2);
  stop_one();
  stop_two();
}

TEST(SG, SG_04_a_process_ends_by_the_signal_after_stop) {
  child c("death_sg", {"context"});
  ASSERT_TRUE(c.read_until("ready\n")) << c.err();
  c.kill(SIGINT);
  ASSERT_TRUE(c.read_until("over: interrupt signal received\nstill here\nstopped\n")) << c.out() << c.err();
  c.kill(SIGINT);
  const auto& result = c.wait();
  EXPECT_EQ(result.signal, SIGINT) << result;
}

}  // namespace
