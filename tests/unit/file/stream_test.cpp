// file: descriptors that came from elsewhere keep their mode, and wait all the same.
#include "child.hpp"

#include <fcntl.h>
#include <termios.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include <gossamer/file.hpp>

using namespace gos_test;

namespace {

// Two ends of something that is in blocking mode.
struct ends {
  const char* what;
  int reader, writer;
};

ends blocking_pipe() {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  return {"pipe", fds[0], fds[1]};
}
ends blocking_sockets() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {"socket", fds[0], fds[1]};
}
ends blocking_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  return {"eventfd", fd, ::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
}
ends blocking_terminal() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  EXPECT_EQ(::grantpt(master) + ::unlockpt(master), 0);
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  termios settings;
  ::tcgetattr(slave, &settings);
  ::cfmakeraw(&settings);
  ::tcsetattr(slave, TCSANOW, &settings);
  return {"terminal", slave, master};
}

constexpr std::string_view eight = "\1\0\0\0\0\0\0\0";  // what an eventfd takes

class Stream : public testing::TestWithParam<ends (*)()> {};

TEST_P(Stream, KeepsItsModeAndWaitsWithoutAThread) {
  const procs one(1);
  const ends given = GetParam()();
  SCOPED_TRACE(given.what);
  const int flags = ::fcntl(given.reader, F_GETFL);
  gos::run([&] {
    auto reader = gos::file::from_descriptor(given.reader);
    auto writer = gos::file::from_descriptor(given.writer);
    for (int i = 0; i < 3; ++i) {
      auto reading = gos::spawn([&] {
        char buffer[8] = {};
        const auto got = reader.read_some(std::span<char>(buffer));
        return std::string(buffer, got.value_or(0));
      });
      ASSERT_TRUE(blocked("IO wait"));
      ASSERT_TRUE(writer.write_all(std::string_view(eight.data(), 8)));
      EXPECT_EQ(reading.join(), std::string(eight.data(), 8));
    }
    // Deadlines and close reach who waits.
    ASSERT_TRUE(reader.set_read_deadline(gos::now() + 1ms));
    char byte[8];
    EXPECT_EQ(reader.read_some(std::span<char>(byte)).error(), std::errc::timed_out);
    ASSERT_TRUE(reader.set_read_deadline({}));
    auto reading = gos::spawn([&] { return reader.read_some(std::span<char>(byte)); });
    ASSERT_TRUE(blocked("IO wait"));
    EXPECT_EQ(::fcntl(given.reader, F_GETFL), flags);
    EXPECT_TRUE(reader.close());
    EXPECT_EQ(reading.join().error(), gos::io_errc::file_closed);
  });
}

INSTANTIATE_TEST_SUITE_P(OfAllKinds, Stream,
                         testing::Values(blocking_pipe, blocking_sockets, blocking_eventfd, blocking_terminal));

// More than fits, into a descriptor that would make its writer wait. A terminal does not say how much room it has: its writer may
// need a thread.
TEST(StreamWrites, WaitForRoom) {
  for (const ends given : {blocking_pipe(), blocking_sockets(), blocking_terminal()}) {
    SCOPED_TRACE(given.what);
    const procs one(1);
    gos::run([&] {
      auto reader = gos::file::from_descriptor(given.reader);
      auto writer = gos::file::from_descriptor(given.writer);
      std::string sent;
      for (int i = 0; i < 300'000; ++i) sent += static_cast<char>('a' + i % 23);
      auto writing = gos::spawn([&] { return writer.write_all(sent); });
      if (std::string_view(given.what) != "terminal") EXPECT_TRUE(blocked("IO wait"));
      std::string got(sent.size(), ' ');
      EXPECT_EQ(reader.read_full(std::span<char>(got)).value(), sent.size());
      EXPECT_TRUE(got == sent);
      EXPECT_EQ(writing.join().value(), sent.size());
    });
  }
}

// What an EINTR storm interrupts is tried again, and nothing is lost.
TEST(StreamWrites, AreWholeUnderSignals) {
  struct sigaction action {}, before {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  ::sigaction(SIGUSR2, &action, &before);
  std::atomic<bool> over = false;
  std::thread storm([&] {
    while (!over) {
      ::kill(::getpid(), SIGUSR2);
      ::usleep(100);
    }
  });
  gos::run([&] {
    const ends given = blocking_pipe();
    auto reader = gos::file::from_descriptor(given.reader);
    auto writer = gos::file::from_descriptor(given.writer);
    const std::string sent(1 << 20, 's');
    auto writing = gos::spawn([&] { return writer.write_all(sent); });
    std::string got(sent.size(), ' ');
    EXPECT_EQ(reader.read_full(std::span<char>(got)).value(), sent.size());
    EXPECT_TRUE(got == sent);
    EXPECT_EQ(writing.join().value(), sent.size());
  });
  over = true;
  storm.join();
  ::sigaction(SIGUSR2, &before, nullptr);
}

TEST(StreamLimits, AreErrors) {
  const auto none = run_child("death_files", {"no_descriptors"});
  EXPECT_EQ(none.status, 0) << none;
  EXPECT_EQ(none.err, "open /dev/null: too many open files\npipe: too many open files\nreaddir /: too many open files\n"
                      "again\n");
  const auto large = run_child("death_files", {"file_too_large"});
  EXPECT_EQ(large.status, 0) << large;
  EXPECT_EQ(large.err, "written 10 of 10\n");
}

TEST(StreamLimits, ASandboxMayRefuseIoUring) {
  if (slow_machine()) GTEST_SKIP() << "the emulator knows no seccomp";
  for (const char* call : {"setup", "register", "enter"}) {
    const auto ran = run_child("death_files", {std::string("without_io_uring_") + call});
    EXPECT_EQ(ran.status, 0) << call << ran;
    EXPECT_EQ(ran.err, "all read\n") << call;
  }
}

}  // namespace
