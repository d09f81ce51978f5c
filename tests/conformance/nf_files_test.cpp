// Contract section 16, NF-20 to NF-22, and what NF-01 to NF-15 say of files and pipes.
#include "child.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include <gossamer/file.hpp>

using namespace gos_test;

namespace {

template <class T> std::string text_of(const gos::result<T>& r) {
  return r ? "no error" : r.error().message();
}

std::pair<gos::file, gos::file> make_pipe() { return std::move(gos::pipe().value()); }

gos::result<std::size_t> read_a_byte(gos::file& f) {
  char byte[1];
  return f.read_some(std::span<char>(byte));
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(NF, NF_01_blocked_pipe_readers_use_no_thread) {
  gos::run([] {
    const long before = status_kib("Threads");
    std::vector<std::pair<gos::file, gos::file>> pipes;
    for (int i = 0; i < 100; ++i) pipes.push_back(make_pipe());
    std::vector<gos::join_handle<gos::result<std::size_t>>> reading;
    for (auto& p : pipes) reading.push_back(gos::spawn([&r = p.first] { return read_a_byte(r); }));
    ASSERT_TRUE(blocked("IO wait", 100));
    EXPECT_LT(status_kib("Threads"), before + 50);
    for (auto& p : pipes) EXPECT_TRUE(p.second.write_all("x"));
    for (auto& r : reading) EXPECT_EQ(r.join().value(), 1U);
  });
}

TEST(NF, NF_08_NF_11_closing_a_pipe_wakes_who_reads_and_succeeds_once) {
  gos::run([] {
    auto [reader, writer] = make_pipe();
    std::vector<gos::join_handle<gos::result<std::size_t>>> reading;
    for (int i = 0; i < 3; ++i) reading.push_back(gos::spawn([&r = reader] { return read_a_byte(r); }));
    ASSERT_TRUE(blocked("IO wait", 3));
    std::atomic<int> successes = 0;
    gos::wait_group closers;
    for (int i = 0; i < 4; ++i) closers.go([&, &r = reader] { successes += r.close().has_value(); });
    closers.wait();
    EXPECT_EQ(successes, 1);
    for (auto& r : reading) {
      const auto got = r.join();
      EXPECT_EQ(got.error(), gos::io_errc::file_closed);
      EXPECT_TRUE(has(text_of(got), "file already closed"));
    }
    EXPECT_TRUE(has(text_of(reader.close()), "close |"));
    EXPECT_TRUE(has(text_of(reader.close()), "file already closed"));
  });
}

TEST(NF, NF_12_NF_15_a_pipe_gives_what_is_left_and_then_the_end) {
  gos::run([] {
    auto [reader, writer] = make_pipe();
    EXPECT_EQ(reader.read_some(std::span<char>()).value(), 0U);
    ASSERT_TRUE(writer.write_all("xy"));
    ASSERT_TRUE(writer.close());
    EXPECT_EQ(read_a_byte(reader).value(), 1U);
    EXPECT_EQ(read_a_byte(reader).value(), 1U);
    EXPECT_EQ(read_a_byte(reader).value(), 0U);
    EXPECT_EQ(read_a_byte(reader).value(), 0U);
  });
}

// More than a pipe holds, by several at once.
TEST(NF, NF_14_writes_to_a_pipe_do_not_interleave) {
  gos::run([] {
    auto [reader, writer] = make_pipe();
    static constexpr std::size_t size = 100'000;
    gos::wait_group writers;
    for (char c = 'a'; c < 'e'; ++c) {
      writers.go([&w = writer, c] { EXPECT_EQ(w.write_all(std::string(size, c)).value(), size); });
    }
    std::string block(size, ' ');
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(reader.read_full(std::span<char>(block)));
      EXPECT_EQ(block.find_first_not_of(block[0]), std::string::npos);
    }
    writers.wait();
  });
}

TEST(NF, NF_02_NF_04_pipes_have_deadlines) {
  gos::run([] {
    auto [reader, writer] = make_pipe();
    ASSERT_TRUE(reader.set_read_deadline(gos::now() + 5ms));
    const auto late = read_a_byte(reader);
    EXPECT_EQ(late.error(), std::errc::timed_out);
    EXPECT_TRUE(has(text_of(late), "i/o timeout"));
    ASSERT_TRUE(reader.set_deadline({}));
    auto reading = gos::spawn([&r = reader] { return read_a_byte(r); });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(reader.set_deadline(gos::now() - 1s));
    EXPECT_EQ(reading.join().error(), std::errc::timed_out);
    // A writer whom nobody reads.
    auto writing = gos::spawn([&w = writer] { return w.write_all(std::string(1 << 20, 'w')); });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(writer.set_write_deadline(gos::now() - 1s));
    const auto wrote = writing.join();
    EXPECT_EQ(wrote.error(), std::errc::timed_out);
    EXPECT_GT(wrote.error().transferred(), 0U);
    ASSERT_TRUE(reader.set_deadline({}));
    EXPECT_EQ(read_a_byte(reader).value(), 1U);
  });
}

TEST(NF, NF_20_regular_files_refuse_deadlines) {
  auto file = gos::create_temporary("gos_nf_20").value();
  ASSERT_TRUE(gos::remove(file.name()));
  for (const auto& refused : {file.set_deadline(gos::now()), file.set_read_deadline(gos::now() + 1h),
                              file.set_write_deadline({})}) {
    EXPECT_EQ(refused.error(), gos::io_errc::no_deadline);
    EXPECT_TRUE(has(text_of(refused), "file type does not support deadline"));
  }
  EXPECT_TRUE(file.write_all("x"));
  ASSERT_TRUE(file.close());
  EXPECT_EQ(file.set_deadline({}).error(), gos::io_errc::file_closed);
}

// A FIFO without a writer, whose opening the system makes wait as it does a slow disk.
TEST(NF, NF_20_a_file_that_makes_its_thread_wait_does_not_stop_others) {
  const procs one(1);
  const std::string folder = gos::make_temporary_directory("gos_nf_20_").value();
  const std::string path = folder + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  gos::run([&] {
    std::atomic<bool> opened = false;
    auto opening = gos::spawn([&] {
      auto f = gos::file::open(path);
      opened = true;
      return f;
    });
    for (int i = 0; i < 100; ++i) gos::spawn([] { gos::yield(); }).join();
    EXPECT_FALSE(opened);
    auto writer = gos::file::open(path, O_WRONLY).value();
    auto reader = opening.join().value();
    ASSERT_TRUE(writer.write_all("x"));
    EXPECT_EQ(read_a_byte(reader).value(), 1U);
    // It is open now, and watched: a reader that waits needs no thread, and has deadlines.
    EXPECT_TRUE(reader.set_read_deadline(gos::now() - 1s));
    EXPECT_EQ(read_a_byte(reader).error(), std::errc::timed_out);
  });
  EXPECT_TRUE(gos::remove_all(folder));
}

TEST(NF, NF_21_a_read_of_standard_input_stops_nobody) {
  for (const auto to : {child::output::pipe, child::output::shared_terminal}) {
    child c("death_files", {"reads_input"}, {"GOS_MAXPROCS=1"}, to);
    const auto says = [](std::string_view what) {
      return [what](const child& p) { return has(p.err(), what); };
    };
    ASSERT_TRUE(c.read_until(says("others run"))) << c.err();
    c.write("hello");
    ASSERT_TRUE(c.read_until(says("read hello"))) << c.err();
    // Its input stays open, and it ends.
    const auto& end = c.wait();
    EXPECT_EQ(end.status, 0) << end;
  }
}

TEST(NF, NF_22_a_broken_pipe_is_an_error) {
  gos::run([] {
    auto [reader, writer] = make_pipe();
    ASSERT_TRUE(reader.close());
    const auto wrote = writer.write_all("x");
    EXPECT_EQ(wrote.error(), std::errc::broken_pipe);
    EXPECT_TRUE(has(text_of(wrote), "broken pipe")) << text_of(wrote);
  });
  // One that was not ours, and a socket.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  gos::file writer = gos::file::from_descriptor(ends[1]);
  EXPECT_EQ(writer.write_all("x").error(), std::errc::broken_pipe);
}

TEST(NF, NF_22_standard_output_dies_of_SIGPIPE) {
  const auto dead = run_child("death_files", {"broken_output"});
  EXPECT_EQ(dead.signal, SIGPIPE) << dead;
  EXPECT_EQ(dead.err, "");
  const auto ignored = run_child("death_files", {"broken_output_ignored"});
  EXPECT_EQ(ignored.status, 0) << ignored;
  EXPECT_EQ(ignored.err, "write /dev/stdout: broken pipe\n");
  const auto registered = run_child("death_files", {"broken_output_registered"});
  EXPECT_EQ(registered.status, 0) << registered;
  EXPECT_EQ(registered.err, "write /dev/stdout: broken pipe\nSIGPIPE\n");
}

}  // namespace
