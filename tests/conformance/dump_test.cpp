// CR, what concerns the goroutines that did not fail: headers, stacks and waits in dumps, and the signals that ask for one.
#include "child.hpp"

#include <csignal>
#include <regex>
#include <set>

using namespace gos_test;

namespace {

constexpr const char* program = "death_dump";

child_result quit(const char* mode, child::environment extra = {}) {
  child c(program, {mode}, std::move(extra));
  EXPECT_TRUE(c.read_until("ready\n")) << c.err();
  c.kill(SIGQUIT);
  return c.wait();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// The part of a dump that begins with the header of the goroutine of that name, up to the next empty line.
std::string part_of(const std::string& dump, const std::string& name) {
  const std::size_t at = dump.find("]: " + name + "\n");
  if (at == std::string::npos) return {};
  const std::size_t begin = dump.rfind('\n', at) + 1;
  return dump.substr(begin, dump.find("\n\n", at) - begin);
}

// What stands below a header with that state, up to the next empty line.
std::string stack_of(const std::string& dump, const std::string& state) {
  const std::size_t at = dump.find(" [" + state + "]:");
  return at == std::string::npos ? std::string() : dump.substr(at, dump.find("\n\n", at) - at);
}

bool matches(const std::string& text, const std::string& pattern) { return std::regex_search(text, std::regex(pattern)); }

[[gnu::noinline]] void wait_on(gos::chan<int> ch) {
  ch.recv();
  asm volatile("");
}

bool stacks_can_be_read() {
  gos::spawn([] {}).join();
  const char* debug = std::getenv("GOS_DEBUG");
  return debug == nullptr || std::string_view(debug).find("nomembarrier") == std::string_view::npos;
}

TEST(CR, CR_07_headers_say_state_and_binding) {
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  auto ch = gos::make_chan<int>();
  gos::wait_group done;
  done.go([&] {
    gos::blocking([&] {
      inside = true;
      while (!leave) ::usleep(1000);
    });
  });
  done.go([&] {
    const gos::pin here;
    ch.recv();
  });
  ASSERT_TRUE(eventually([&] { return inside.load(); }));
  ASSERT_TRUE(blocked("chan receive"));
  const std::string dump = gos::runtime::stack_dump(true);
  EXPECT_TRUE(matches(dump, "goroutine [0-9]+ \\[syscall\\]:\n")) << dump;
  EXPECT_TRUE(matches(dump, "goroutine [0-9]+ \\[chan receive, locked to thread\\]:\n")) << dump;
  leave = true;
  ch.close();
  done.wait();
  const std::string own = gos::spawn([] { return gos::runtime::stack_dump(true); }).join();
  EXPECT_TRUE(matches(own, "^goroutine [0-9]+ \\[running\\]:\n")) << own;
}

// The program's clock is put forward by two minutes and a half.
TEST(CR, CR_07_headers_tell_minutes_of_waiting) {
  const child_result r = run_child(program, {"minutes"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_TRUE(matches(r.err,
                      "\ngoroutine [0-9]+ \\[chan receive, 2 minutes\\]: patient\n\twaits on [^\n]*, for 2 "
                      "min [3-5][0-9] s\n"))
      << r;
  EXPECT_TRUE(matches(r.err, "\ngoroutine [0-9]+ \\[chan receive, 2 minutes, locked to thread\\]:\n")) << r;
  EXPECT_TRUE(matches(r.err, "\ngoroutine [0-9]+ \\[chan receive\\]: late\n")) << r;
  EXPECT_TRUE(
      matches(r.out,
              "^goroutine [0-9]+ \\[chan receive, 2 minutes( \\(leaked\\))?\\]: patient blocked for 2 min "
              "[3-5][0-9] s\n"
              "goroutine [0-9]+ \\[chan receive, 2 minutes, locked to thread\\]: blocked for [^\n]*\n$"))
      << r;
}

TEST(CR, CR_08_every_stack_ends_with_its_creator) {
  const child_result r = quit("waiting");
  // Main has none; the three are one stack, and the sleeper has its own.
  EXPECT_EQ(count(r.err, "\ncreated by "), 2U) << r;
  EXPECT_EQ(count(r.err, " in goroutine 1\n\t"), 2U) << r;
  EXPECT_TRUE(matches(r.err, "dump\\.cpp:[0-9]+|death_dump\\+0x|together\\+0x")) << r;
}

TEST(CR, CR_12_SIGQUIT_shows_all_stacks_and_ends_with_2) {
  const child_result r = quit("waiting");
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_TRUE(r.err.starts_with("SIGQUIT: quit\n\ngoroutine 1 [sleep]:\n")) << r;
  EXPECT_EQ(dump_headers(r.err).size(), 4U) << r;  // the one with a name is not among them
  EXPECT_EQ(count(r.err, "[chan receive]:\n"), 3U) << r;
  EXPECT_EQ(count(r.err, "[sleep]: sleeper\n"), 1U) << r;
  if (stacks_can_be_read()) EXPECT_EQ(count(r.err, "wait_in_vain"), 1U) << "the stack once\n" << r;
}

TEST(CR, CR_12_at_level_crash_also_those_that_run) {
  const child_result plain = quit("spinning");
  EXPECT_EQ(plain.status, 2) << plain;
  EXPECT_TRUE(matches(plain.err, "\\[running\\]:\n\truns on another thread")) << plain;
  const child_result all = quit("spinning", {"GOS_TRACEBACK=crash"});
  EXPECT_EQ(all.signal, SIGABRT) << all;
  EXPECT_NE(stack_of(all.err, "running").find("spin_in_vain"), std::string::npos) << all;
  EXPECT_TRUE(matches(all.err, "\nthread [0-9]+ \\[watchdog\\]\n")) << all;
}

TEST(CR, CR_12_also_while_every_processor_computes) {
  const std::size_t processors = static_cast<std::size_t>(gos::runtime::max_procs());
  const child_result r = quit("hogs");
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_TRUE(r.err.starts_with("SIGQUIT: quit\n\ngoroutine 1 [runn")) << r;
  EXPECT_EQ(dump_headers(r.err).size(), 2 * processors + 1) << r;
  EXPECT_GE(count(r.err, " [running]:\n"), processors) << r;
}

// The thread that writes stacks is held up in the kernel: the process ends without them.
TEST(CR, CR_12_ends_with_2_also_when_the_watchdog_does_not_come) {
  const child::environment soon = {"GOS_DEBUG=dump_signal=USR1,crash_limit=300"};
  const child_result told = run_child(program, {"sysmon_held"}, soon);
  if (told.status == 77) GTEST_SKIP() << "no telling what a thread does";
  EXPECT_EQ(told.status, 2) << told;
  EXPECT_EQ(told.err, "SIGQUIT: quit\n(the runtime does not come to write the stacks)\n");
  const child_result stuck = run_child(program, {"stderr_held"}, soon);
  EXPECT_EQ(stuck.status, 2) << stuck;
}

TEST(CR, CR_12_without_membarrier_the_stacks_of_those_that_wait_are_missing) {
  const child_result r = quit("waiting", {"GOS_DEBUG=nomembarrier"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_EQ(dump_headers(r.err).size(), 4U) << r;
  EXPECT_EQ(count(r.err, "\tits stack cannot be read: the system refuses membarrier\n"), 3U) << r;
  EXPECT_EQ(count(r.err, "\ncreated by "), 2U) << r;
}

TEST(CR, CR_09_SIGQUIT_obeys_the_level) {
  EXPECT_EQ(quit("waiting", {"GOS_TRACEBACK=none"}).err, "SIGQUIT: quit\n");
  for (const char* level : {"single", "all"}) {
    const child_result r = quit("waiting", {std::string("GOS_TRACEBACK=") + level});
    EXPECT_EQ(r.status, 2) << r;
    EXPECT_EQ(dump_headers(r.err).size(), 4U) << r;
    EXPECT_EQ(r.err.find("[watchdog]"), std::string::npos) << r;
  }
  const child_result r = quit("waiting", {"GOS_TRACEBACK=system"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_NE(r.err.find("[watchdog]"), std::string::npos) << r;
  if (stacks_can_be_read()) EXPECT_NE(r.err.find("goroutine_main"), std::string::npos) << "the runtime's frames\n" << r;
}

TEST(CR, CR_12_an_idle_runtime_wakes_up_for_it) {
  const child_result r = quit("idle");
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_EQ(r.err, "SIGQUIT: quit\n");
}

TEST(CR, CR_12_the_programs_own_way_with_SIGQUIT_stays) {
  for (const char* mode : {"own_handler", "late_handler"}) {
    const child_result r = quit(mode);
    EXPECT_EQ(r.status, 7) << mode << r;
    EXPECT_EQ(r.out, "ready\nmine\n") << mode;
    EXPECT_EQ(r.err, "") << mode;
  }
  EXPECT_EQ(run_child(program, {"ignored"}).status, 5);
  const child_result r = quit("notified");
  EXPECT_EQ(r.status, 6) << r;
  EXPECT_EQ(r.err, "") << r;
}

// dump_signal --------------------------------------------------------------------------------------------------------

TEST(dump_signal, the_program_goes_on) {
  for (const char* name : {"USR1", "SIGUSR1", "10"}) {
    child c(program, {"waiting"}, {std::string("GOS_DEBUG=dump_signal=") + name});
    ASSERT_TRUE(c.read_until("ready\n"));
    for (std::size_t i = 1; i <= 3; ++i) {
      c.kill(SIGUSR1);
      EXPECT_TRUE(c.read_until([i](const child& x) { return count(x.err(), "created by ") >= 2 * i; })) << c.err();
    }
    c.kill(SIGQUIT);
    EXPECT_EQ(c.wait().status, 2);
  }
}

TEST(dump_signal, shows_those_that_run) {
  child c(program, {"spinning"}, {"GOS_DEBUG=dump_signal=USR2"});
  ASSERT_TRUE(c.read_until("ready\n"));
  EXPECT_TRUE(eventually([&] {
    c.kill(SIGUSR2);
    c.read_until([](const child& x) { return x.err().find("spin_in_vain") != std::string::npos; }, 1s);
    return stack_of(c.err(), "running").find("spin_in_vain") != std::string::npos;
  })) << c.err();
}

TEST(dump_signal, names_that_mean_nothing_are_told) {
  for (const char* wrong : {"dump_signal", "dump_signal=", "dump_signal=HUPP", "dump_signal=0", "dump_signal=65"}) {
    const child_result r = run_child(program, {"ignored"}, {std::string("GOS_DEBUG=") + wrong});
    EXPECT_NE(r.err.find(std::string(wrong) + " means nothing"), std::string::npos) << r;
  }
}

TEST(dump_signal, under_churn) {
  time_limit(180s);
  const int dumps = rounds(200);
  const child_result r = run_child(program, {"churn"}, {"GOS_DEBUG=dump_signal=USR1", "DUMPS=" + std::to_string(dumps)}, 150s);
  EXPECT_EQ(r.status, 0) << r.status << " signal " << r.signal << r.timed_out << "\n" << r.err.substr(0, 5000);
  EXPECT_EQ(r.signal, 0);
  EXPECT_GT(count(r.err, "goroutine 1 ["), 0U) << r.err.substr(0, 5000);
  EXPECT_EQ(r.err.find("fatal error"), std::string::npos);
}

// stack_dump ---------------------------------------------------------------------------------------------------------

TEST(stack_dump, has_one_header_for_each_and_equal_stacks_once) {
  constexpr int n = 50;
  auto ch = gos::make_chan<int>();
  gos::wait_group done;
  for (int i = 0; i < n; ++i) done.go([ch] { wait_on(ch); });
  ASSERT_TRUE(blocked("chan receive", n));
  const std::string dump = gos::runtime::stack_dump(true);
  const auto headers = dump_headers(dump);
  EXPECT_EQ(headers.size(), gos::runtime::num_goroutine());
  std::set<std::uint64_t> ids;
  for (const dump_header& h : headers) ids.insert(h.id);
  EXPECT_EQ(ids.size(), headers.size());
  if (stacks_can_be_read()) {
    EXPECT_EQ(count(dump, "wait_on("), 1U) << dump;
    EXPECT_EQ(count(dump, "(capacity 0, 0 buffered, open, 50 receiving, 0 sending, never sent to)"),
              static_cast<std::size_t>(n))
        << dump;
  }
  ch.close();
  done.wait();
}

// What the dump says that the goroutine of that name waits on, once it says so.
std::string wait_of(const std::string& name, const std::string& words) {
  std::string part;
  EXPECT_TRUE(eventually([&] {
    part = part_of(gos::runtime::stack_dump(true), name);
    return part.find(words) != std::string::npos;
  })) << name
      << " does not wait on " << words << ":\n"
      << part;
  return part;
}

TEST(stack_dump, says_who_used_a_channel_last) {
  if (!stacks_can_be_read()) GTEST_SKIP() << "no membarrier";
  auto in = gos::make_chan<int>();
  auto out = gos::make_chan<int>(1);
  auto rest = gos::make_chan<int>();
  gos::wait_group done;
  const auto with_name = [&done](const char* name, auto f) {
    done.add(1);
    gos::go({.name = name}, [&done, f] {
      f();
      done.done();
    });
  };
  with_name("worker", [in, out] {
    for (int job : in) out.send(job);
  });
  wait_of("worker", "1 receiving, 0 sending, never sent to)");
  with_name("producer", [in, rest] {
    in.send(1);
    rest.recv();
  });
  wait_of("producer", "1 receiving, 0 sending, never sent to)");
  wait_of("worker", " \"producer\"), for");
  in.send(2);  // by this thread, which is no goroutine; there is no more room in `out`
  wait_of("worker", "(capacity 1, 1 buffered, open, 0 receiving, 1 sending, never received from)");
  gos::spawn([out] { EXPECT_EQ(out.recv(), 1); }).join();
  wait_of("worker", "1 receiving, 0 sending, last sent to by a thread), for");
  in.send(3);
  EXPECT_TRUE(matches(wait_of("worker", ", which has ended), for"),
                      "1 buffered, open, 0 receiving, 1 sending, last received from by goroutine [0-9]+, "
                      "which has ended\\)"));
  // What a select does counts, whether it waited for it or not.
  with_name("selector", [in, out, rest] {
    gos::select(gos::recv(out));
    gos::select(gos::recv(out), gos::recv(rest));
    gos::select(gos::send(in, 4), gos::recv(rest));
    rest.recv();
  });
  wait_of("selector", "never sent to");
  wait_of("worker", "1 receiving, 0 sending, last sent to by goroutine");
  rest.close();
  in.close();
  done.wait();
}

TEST(stack_dump, prints_the_names_of_objects) {
  if (!stacks_can_be_read()) GTEST_SKIP() << "no membarrier";
  auto jobs = gos::make_chan<int>();
  gos::runtime::set_name(jobs, "tasks");
  gos::runtime::set_name(gos::send_chan<int>(jobs), "jobs");  // in place of the first
  gos::runtime::set_name(gos::chan<int>(), "nil");
  gos::mutex accounts;
  gos::shared_mutex table;
  gos::wait_group group;
  const gos::runtime::object_name names[] = {{accounts, "accounts"}, {table, "the table"}, {group, "group"}};
  accounts.lock();
  table.lock();
  group.add(1);
  gos::wait_group done;
  done.go([jobs] { jobs.recv(); });
  done.go([&] { const std::lock_guard guard(accounts); });
  done.go([&] { const std::shared_lock guard(table); });
  done.go([&] { group.wait(); });
  ASSERT_TRUE(blocked("chan receive") && blocked("sync.Mutex.Lock") && blocked("sync.RWMutex.RLock"));
  ASSERT_TRUE(blocked("sync.WaitGroup.Wait"));
  const std::string dump = gos::runtime::stack_dump(true);
  for (const char* words :
       {"channel 0x[0-9a-f]+ \"jobs\" \\(cap", "sync.Mutex 0x[0-9a-f]+ \"accounts\" \\(locked",
        "sync.RWMutex 0x[0-9a-f]+ \"the table\" \\(held", "sync.WaitGroup 0x[0-9a-f]+ \"group\" \\(c"}) {
    EXPECT_TRUE(matches(dump, words)) << words << "\n" << dump;
  }
  accounts.unlock();
  table.unlock();
  group.done();
  jobs.close();
  done.wait();
}

TEST(stack_dump, stands_apart_where_the_spawn_site_does) {
  auto ch = gos::make_chan<int>();
  gos::wait_group done;
  done.go([ch] { ch.recv(); });
  done.go([ch] { ch.recv(); });
  ASSERT_TRUE(blocked("chan receive", 2));
  EXPECT_EQ(count(gos::runtime::stack_dump(true), "created by "), 2U);
  ch.close();
  done.wait();
}

TEST(stack_dump, of_all_from_a_goroutine_begins_with_itself) {
  gos::spawn([] {
    const std::string dump = gos::runtime::stack_dump(true);
    const auto headers = dump_headers(dump);
    ASSERT_FALSE(headers.empty());
    EXPECT_EQ(headers[0].id, goroutine_id());
    EXPECT_EQ(headers[0].state, "running");
    EXPECT_EQ(headers.size(), gos::runtime::num_goroutine());
  }).join();
}

TEST(stack_dump, says_what_each_kind_of_wait_is_for) {
  if (!stacks_can_be_read()) GTEST_SKIP() << "no membarrier";
  const child_result r = run_child(program, {"every_kind"});
  ASSERT_EQ(r.status, 0) << r;
  const std::string since = ", for [0-9]+\\.[0-9]{3} s";
  const std::string address = " 0x[0-9a-f]+ ";
  const auto expect = [&](const char* name, const std::string& state, const std::string& wait) {
    const std::string part = part_of(r.out, name);
    EXPECT_TRUE(matches(part, "^goroutine [0-9]+ \\[" + state + "\\]: " + name + "\n\t" + wait + "\n")) << name << ":\n" << part;
  };
  const std::string ch =
      "channel" + address + "\\(capacity 2, 0 buffered, open, 2 receiving, 0 sending, never sent to\\)";
  const std::string out =
      "channel" + address + "\\(capacity 0, 0 buffered, open, 0 receiving, 2 sending, never received from\\)";
  expect("receiver", "chan receive", "waits on " + ch + since);
  expect("sender", "chan send", "waits on " + out + since);
  expect("nil", "chan receive \\(nil chan\\)", "waits on a nil channel, for ever" + since);
  expect("nothing", "select \\(no cases\\)", "waits on nothing, for ever" + since);
  expect("choosing", "select",
         "waits on receive from " + ch + ", or send to " + out + ", or a time" + since + ", at most [0-9]+ min [0-9]+ s more");
  expect("locking", "sync.Mutex.Lock", "waits on sync.Mutex" + address + "\\(locked by goroutine [0-9]+.*, 2 waiting\\).*" + since);
  expect("limited", "sync.Mutex.Lock", "waits on sync.Mutex" + address + "\\(locked by goroutine [0-9]+.*, 2 waiting\\).*" + since + ", at most [0-9]+ min [0-9]+ s more");
  expect("reading", "sync.RWMutex.RLock", "waits on sync.RWMutex" + address + "\\(held by goroutine [0-9]+, writing.*, 2 waiting\\).*" + since);
  expect("writing", "sync.RWMutex.Lock", "waits on sync.RWMutex" + address + "\\(held by goroutine [0-9]+, writing.*, 2 waiting\\).*" + since);
  expect("counting", "sync.WaitGroup.Wait", "waits on sync.WaitGroup" + address + "\\(counter 2, 1 waiting\\)" + since);
  expect("changing", "sync.Cond.Wait", "waits on sync.Cond" + address + "\\(1 waiting\\)" + since);
  expect("acquiring", "semaphore acquire", "waits on semaphore" + address + "\\(1 of 5 free, 3 wanted, 1 waiting\\)" + since);
  expect("initialised", "sync.Once.Do", "waits on sync.Once" + address + "\\(1 waiting\\).*" + since);
  expect("joining", "join", "waits on the end of goroutine [0-9]+" + since);
  expect("polling", "IO wait", "waits on descriptor [0-9]+ to become readable" + since);
  EXPECT_TRUE(matches(r.out, "\\[sleep\\]:\n\tsleeps" + since + ", at most [0-9]+ min [0-9]+ s more\n")) << r.out;
}

}  // namespace
