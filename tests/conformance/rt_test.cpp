// RT: the number of processors, goroutines bound to threads, limits, traces, dumps.
#include "child.hpp"

#include <sys/syscall.h>

#include <regex>
#include <set>

using namespace gos_test;

namespace {

// Asked anew each time: a goroutine may be on another thread after any call.
[[gnu::noinline]] int thread_id() { return static_cast<int>(::syscall(SYS_gettid)); }

bool thread_exists(int id) { return ::syscall(SYS_tgkill, ::getpid(), id, 0) == 0; }

// Does the caller's own dump say that it is bound?
bool bound() {
  const std::string dump = gos::runtime::stack_dump();
  return dump.substr(0, dump.find('\n')).find("locked to thread") != std::string::npos;
}

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A child that finds its machine too small says so.
void expect_success(const std::string& mode, const std::string& text) {
  const auto result = run_child("death_rt", {mode}, {}, 100s);
  if (result.out == "one CPU\n") GTEST_SKIP() << "this machine gives one CPU";
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, text) << result;
}

// The number of processors ---------------------------------------------------------------------------------------------

TEST(RT, RT_01_a_positive_whole_number_in_the_environment_sets_it) {
  for (const char* number : {"1", "3", "17", "0005"}) {
    const auto result = run_child("death_rt", {"procs"}, {std::string("GOS_MAXPROCS=") + number});
    EXPECT_EQ(std::atoi(result.out.c_str()), std::atoi(number)) << result;
  }
}

TEST(RT, RT_01_anything_else_means_the_default) {
  const auto expected = run_child("death_rt", {"default"});
  ASSERT_EQ(expected.status, 0) << expected;
  for (const char* odd : {"", "abc", "-3", "0", "4x", "x4", " 4", "4 ", "+4", "4.0", "0x4", "99999999999",
                          "18446744073709551617", "99999999999999999999999999"}) {
    const auto result = run_child("death_rt", {"procs"}, {std::string("GOS_MAXPROCS=") + odd});
    EXPECT_EQ(result.out, expected.out) << '"' << odd << "\" " << result;
    EXPECT_EQ(result.status, 0) << result;
  }
}

TEST(RT, RT_01_large_numbers_do_not_crash) {
  const auto result = run_child("death_rt", {"work"}, {"GOS_MAXPROCS=1024"}, 100s);
  EXPECT_EQ(result.out, "2000 with 1024\n") << result;
  EXPECT_EQ(result.status, 0) << result;
  const auto most = run_child("death_rt", {"work"}, {"GOS_MAXPROCS=1000000"}, 100s);
  EXPECT_EQ(most.out, "2000 with 4096\n") << most;
}

// The quota's part in it: unit/platform/cgroup_test.cpp, in an imitated file system.
TEST(RT, RT_02_the_default_is_no_more_than_the_affinity_mask_allows) {
  const auto confined = run_child("death_rt", {"confined"});
  EXPECT_EQ(confined.out, "1 of 1\n") << confined;
  const auto usual = run_child("death_rt", {"default"});
  EXPECT_LE(std::atoi(usual.out.c_str()), gos::runtime::num_cpu()) << usual;
  EXPECT_GE(std::atoi(usual.out.c_str()), 1) << usual;
}

TEST(RT, RT_03_the_default_follows_changes_at_most_once_a_second) {
  time_limit(110s);
  expect_success("follows", "follows\n");
}

TEST(RT, RT_04_setting_it_stops_that_until_the_default_is_restored) {
  time_limit(110s);
  expect_success("keeps", "keeps\n");
}

TEST(RT, RT_04_the_environment_stops_it_too) {
  time_limit(110s);
  expect_success("keeps-environment", "keeps\n");
}

TEST(RT, RT_05_setting_returns_the_old_number_and_less_than_one_only_asks) {
  const procs three(3);
  EXPECT_EQ(gos::runtime::set_max_procs(0), 3);
  EXPECT_EQ(gos::runtime::set_max_procs(-7), 3);
  EXPECT_EQ(gos::runtime::max_procs(), 3);
  EXPECT_EQ(gos::runtime::set_max_procs(5), 3);
  EXPECT_EQ(gos::runtime::set_max_procs(5), 5);
}

TEST(RT, RT_05_changing_it_while_goroutines_run_is_safe) {
  const procs restore(4);
  const int cpus = gos::runtime::num_cpu();
  std::atomic<bool> stop{false};
  std::atomic<int> steps{0};
  gos::wait_group done;
  for (int i = 0; i < 6; ++i) {
    auto ch = gos::make_chan<int>(i % 3);
    done.go([&, ch] {
      while (!stop) ch.send(1);
      ch.close();
    });
    done.go([&, ch] {
      for (int n : ch) steps += n;
    });
  }
  auto random = rng();
  for (int i = 0; i < rounds(300); ++i) {
    gos::runtime::set_max_procs(1 + static_cast<int>(random() % 8));
    const int seen = steps;
    EXPECT_TRUE(eventually([&] { return steps > seen; }));
  }
  stop = true;
  done.wait();
  EXPECT_EQ(gos::runtime::num_cpu(), cpus);
}

// Goroutines bound to threads -------------------------------------------------------------------------------------------

TEST(RT, RT_06_a_bound_goroutine_runs_only_there_and_nobody_else_does) {
  const procs four(4);
  std::atomic<int> owned{0};
  std::atomic<int> trespassed{0};
  std::atomic<int> looks{0};
  std::atomic<bool> stop{false};
  gos::wait_group done;
  for (int i = 0; i < 8; ++i) {
    done.go([&] {
      while (!stop) {
        // The number is from before the look: the owner may have come here since this one left.
        const int forbidden = owned;
        if (forbidden != 0 && thread_id() == forbidden) ++trespassed;
        ++looks;
        gos::yield();
      }
    });
  }
  gos::spawn([&] {
    gos::runtime::lock_os_thread();
    const int home = thread_id();
    owned = home;
    auto ch = gos::make_chan<int>();
    for (int i = 0; i < rounds(500); ++i) {
      if (i % 3 == 0) gos::yield();
      if (i % 3 == 1) gos::sleep(50us);
      if (i % 3 == 2) {
        gos::go([=] { ch.send(i); });
        EXPECT_EQ(ch.recv(), i);
      }
      EXPECT_EQ(thread_id(), home);
    }
    EXPECT_TRUE(eventually([&] { return looks > 1000; }));
    owned = 0;
    gos::runtime::unlock_os_thread();
  }).join();
  stop = true;
  done.wait();
  EXPECT_EQ(trespassed, 0);
}

TEST(RT, RT_06_calls_nest_and_unlocking_without_a_lock_does_nothing) {
  gos::spawn([] {
    EXPECT_FALSE(bound());
    gos::runtime::unlock_os_thread();
    gos::runtime::unlock_os_thread();
    EXPECT_FALSE(bound());
    gos::runtime::lock_os_thread();
    EXPECT_TRUE(bound());
    gos::runtime::lock_os_thread();
    {
      gos::pin third;
      EXPECT_TRUE(bound());
    }
    gos::runtime::unlock_os_thread();
    EXPECT_TRUE(bound());
    const int home = thread_id();
    for (int i = 0; i < 50; ++i) {
      gos::sleep(20us);
      EXPECT_EQ(thread_id(), home);
    }
    gos::runtime::unlock_os_thread();
    EXPECT_FALSE(bound());
    gos::runtime::unlock_os_thread();
    EXPECT_FALSE(bound());
  }).join();
}

TEST(RT, RT_06_a_spawned_goroutine_is_not_bound) {
  gos::spawn([] {
    gos::pin pin;
    const int home = thread_id();
    for (int i = 0; i < 20; ++i) {
      gos::spawn([home] {
        EXPECT_FALSE(bound());
        EXPECT_NE(thread_id(), home);
      }).join();
    }
    EXPECT_TRUE(bound());
  }).join();
}

TEST(RT, RT_06_a_plain_thread_may_call_it_in_vain) {
  std::thread([] {
    gos::runtime::lock_os_thread();
    gos::spawn([] {}).join();
    gos::runtime::unlock_os_thread();
  }).join();
}

TEST(RT, RT_07_a_bound_goroutine_waits_as_any_other) {
  const procs one(1);
  auto ch = gos::make_chan<int>();
  std::atomic<int> others{0};
  gos::wait_group done;
  done.go([&, ch] {
    gos::pin pin;
    for (int i = 0; i < 10; ++i) ch.send(i);
    for (int i = 0; i < 10; ++i) gos::yield();
    gos::sleep(1ms);
    gos::mutex lock;
    const std::lock_guard guard(lock);
    ch.close();
  });
  done.go([&, ch] {
    int expected = 0;
    for (int n : ch) EXPECT_EQ(n, expected++);
    EXPECT_EQ(expected, 10);
  });
  done.wait();

  // One processor: it goes to the others while the bound one waits for them.
  gos::spawn([&] {
    gos::pin pin;
    auto enough = gos::make_chan<void>();
    for (int i = 0; i < 4; ++i) {
      gos::go([&, enough] {
        for (int k = 0; k < 100; ++k) {
          gos::yield();
          if (++others == 400) enough.close();
        }
      });
    }
    enough.recv();
    EXPECT_EQ(others, 400);
  }).join();
}

// A value whose destructor tells that its thread has ended.
struct last_word {
  std::atomic<int>* told = nullptr;
  ~last_word() {
    if (told != nullptr) ++*told;
  }
};
thread_local last_word mine;

TEST(RT, RT_08_a_goroutine_that_ends_while_bound_takes_its_thread_with_it) {
  std::atomic<int> ended{0};
  const int count = rounds(40);
  for (int i = 0; i < count; ++i) {
    std::atomic<int> thread{0};
    gos::go([&, i] {
      gos::runtime::lock_os_thread();
      gos::runtime::lock_os_thread();
      mine.told = &ended;
      if (i % 3 == 1) gos::yield();
      thread = thread_id();
      if (i % 3 == 2) gos::goexit();
    });
    EXPECT_TRUE(eventually([&] { return thread != 0 && !thread_exists(thread); }));
  }
  EXPECT_EQ(ended, count);
  EXPECT_TRUE(eventually([] { return gos::runtime::stats().threads < 100; }))
      << gos::runtime::stats().threads;
}

TEST(RT, RT_08_with_many_at_once) {
  gos::wait_group done;
  std::atomic<int> sum{0};
  for (int i = 0; i < rounds(400); ++i) {
    done.go([&] {
      if (thread_id() % 2 == 0) gos::runtime::lock_os_thread();
      gos::yield();
      ++sum;
    });
    if (i % 16 == 15) done.wait();
  }
  done.wait();
  EXPECT_EQ(sum, rounds(400));
}

TEST(RT, RT_08_a_thread_that_was_unlocked_goes_on) {
  const procs one(1);
  int thread = 0;
  gos::spawn([&] {
    gos::pin pin;
    thread = thread_id();
  }).join();
  for (int i = 0; i < 20; ++i) gos::spawn([] { gos::yield(); }).join();
  EXPECT_TRUE(thread_exists(thread));
}

TEST(RT, RT_08_the_main_thread_is_parked_instead) { expect_success("main-thread-parked", "parked\n"); }

TEST(RT, RT_08_no_later_thread_inherits_the_private_state) { expect_success("private-state", "clean\n"); }

TEST(RT, RT_09_binding_as_the_first_act_of_main_keeps_the_main_thread) {
  for (int i = 0; i < 5; ++i) expect_success("main-thread", "stayed\n");
}

// Limits ----------------------------------------------------------------------------------------------------------------

TEST(RT, RT_10_the_thread_limit_is_10_000) { EXPECT_EQ(gos::runtime::set_max_threads(0), 10'000); }

TEST(RT, RT_10_going_over_the_thread_limit_is_fatal) {
  const int limit = 12;
  const auto result = run_child("death_rt", {"exhaustion", std::to_string(limit)});
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(
      result.err.starts_with("runtime: program exceeds 12-thread limit\nfatal error: thread exhaustion\n"))
      << result;
}

TEST(RT, RT_10_so_is_a_limit_below_what_there_is) {
  const auto result = run_child("death_rt", {"lower-limit"});
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(
      result.err.starts_with("runtime: program exceeds 3-thread limit\nfatal error: thread exhaustion\n"))
      << result;
}

// Traces ----------------------------------------------------------------------------------------------------------------

// The standard error of a process until it has a number of such lines.
std::string traced(const std::string& debug, int wanted) {
  child c("death_rt", {"until-input-ends"}, {"GOS_DEBUG=" + debug, "GOS_MAXPROCS=3"});
  EXPECT_TRUE(c.read_until([wanted](const child& seen) {
    int count = 0;
    for (std::size_t at = 0; (at = seen.err().find("SCHED ", at)) != std::string::npos; ++at) ++count;
    return count > wanted;
  })) << c.err();
  c.close_input();
  const auto& result = c.wait();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, "end\n");
  return result.err;
}

const std::regex summary(
    R"(SCHED (\d+)ms: gomaxprocs=3 idleprocs=\d+ threads=\d+ spinningthreads=\d+ needspinning=[01] )"
    R"(idlethreads=\d+ runqueue=\d+ \[ (\d+ ){3}\] schedticks=\[ (\d+ ){3}\])");

TEST(RT, RT_11_schedtrace_prints_a_line_every_so_many_milliseconds) {
  int last = 0;
  for (const std::string& line : lines_of(traced("schedtrace=40", 4))) {
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, summary)) << line;
    const int at = std::stoi(match[1]);
    EXPECT_GE(at - last, 39) << line;
    last = at;
  }
}

TEST(RT, RT_11_scheddetail_adds_a_line_for_each_processor_thread_and_goroutine) {
  const std::regex processor(
      R"(  P\d+: status=(idle|running) schedtick=\d+ m=(\d+|nil) runqsize=\d+ gfreecnt=\d+)");
  const std::regex thread(
      R"(  M\d+: p=(\d+|nil) curg=(\d+|nil) spinning=[01] blocked=[01] lockedg=(\d+|nil))");
  const std::regex routine(R"(  G\d+: status=[^=]+ m=(\d+|nil) lockedm=(\d+|nil))");
  int processors = 0, threads = 0, routines = 0, summaries = 0;
  int complete = 0;  // the first may come before main runs, the last when it has ended
  bool waiting = false, bound_one = false;
  for (const std::string& line : lines_of(traced("scheddetail=1,schedtrace=30", 5))) {
    if (std::regex_match(line, summary)) {
      if (summaries++ > 0) EXPECT_EQ(processors, 3);
      if (threads >= 1 && routines == 3) ++complete;
      processors = threads = routines = 0;
    } else if (std::regex_match(line, processor)) {
      ++processors;
    } else if (std::regex_match(line, thread)) {
      ++threads;
    } else {
      ASSERT_TRUE(std::regex_match(line, routine)) << line;
      ++routines;
      waiting = waiting || line.find("status=chan receive ") != std::string::npos;
      bound_one = bound_one || line.find("lockedm=nil") == std::string::npos;
    }
  }
  EXPECT_GE(complete, 1);
  EXPECT_TRUE(waiting);
  EXPECT_TRUE(bound_one);
}

TEST(RT, RT_11_nothing_is_printed_unasked) {
  for (const char* setting : {"", "scheddetail=1", "schedtrace=0", "migrate"}) {
    const auto result = run_child("death_rt", {"work"}, {std::string("GOS_DEBUG=") + setting});
    EXPECT_EQ(result.err, "") << setting;
    EXPECT_EQ(result.status, 0);
  }
}

TEST(RT, RT_11_a_setting_that_means_nothing_is_named) {
  for (const char* odd :
       {"schedtrace", "schedtrace=", "schedtrace=x", "schedtrace=-5", "scheddetail=2", "fast"}) {
    const auto result = run_child("death_rt", {"work"}, {std::string("GOS_DEBUG=migrate,") + odd});
    EXPECT_EQ(lines_of(result.err).size(), 1u) << result;
    EXPECT_TRUE(
        result.err.starts_with(std::string("gossamer: GOS_DEBUG: ") + odd + " means nothing; it may have, "))
        << result;
    EXPECT_NE(result.err.find("schedtrace=MILLISECONDS"), std::string::npos) << result;
    EXPECT_EQ(result.status, 0) << result;
  }
}

// Dumps and last words --------------------------------------------------------------------------------------------------

TEST(RT, RT_12_a_dump_of_one_or_all_goroutines_while_they_run) {
  auto ch = gos::make_chan<int>();
  gos::wait_group done;
  for (int i = 0; i < 3; ++i) done.go([ch] { ch.recv(); });
  EXPECT_TRUE(blocked("chan receive", 3));
  gos::spawn([] {
    const std::string own = gos::runtime::stack_dump();
    EXPECT_EQ(dump_headers(own).size(), 1u) << own;
    EXPECT_EQ(dump_headers(own)[0].state, "running") << own;
    EXPECT_GT(lines_of(own).size(), 2u) << own;
    EXPECT_NE(own.find("created by "), std::string::npos) << own;
    const auto all = dump_headers(gos::runtime::stack_dump(true));
    EXPECT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].state, "running");
  }).join();
  ch.close();
  done.wait();
}

TEST(RT, RT_12_the_environment_does_not_change_a_dump) {
  std::vector<std::size_t> lengths;
  for (const char* level : {"none", "single", "all", "system", "crash", "0", "nonsense"}) {
    const auto result = run_child("death_rt", {"dumps"}, {std::string("GOS_TRACEBACK=") + level});
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(dump_headers(result.out).size(), 3u) << result;
    lengths.push_back(lines_of(result.out).size());
  }
  EXPECT_EQ(std::set(lengths.begin(), lengths.end()).size(), 1u);
}

// Runs a mode that crashes, with a file for the copy; returns what is in it.
std::string crash_copy(const std::string& mode, child_result& result) {
  const std::string path = testing::TempDir() + "gos-crash-" + std::to_string(::getpid());
  result = run_child("death_rt", {mode, path});
  EXPECT_EQ(result.status, 2) << result;
  const std::string copy = file_text(path);
  ::unlink(path.c_str());
  return copy;
}

TEST(RT, RT_12_crash_output_is_copied_to_one_more_file) {
  child_result result;
  for (const auto& [mode, text] :
       std::map<std::string, std::string>{{"crash-panic", "panic: all is lost"},
                                          {"crash-fatal", "fatal error: gos::run called from"},
                                          {"crash-overflow", "fatal error: stack overflow"},
                                          {"crash-replaced", "panic: all is lost"}}) {
    const std::string copy = crash_copy(mode, result);
    EXPECT_EQ(copy, result.err) << mode << ' ' << result;
    EXPECT_NE(copy.find(text), std::string::npos) << mode << ' ' << result;
  }
}

TEST(RT, RT_12_crash_output_can_be_taken_back) {
  child_result result;
  EXPECT_EQ(crash_copy("crash-removed", result), "");
  EXPECT_NE(result.err.find("panic: all is lost"), std::string::npos) << result;
}

}  // namespace
