// eintr: signals that interrupt every system call, all the time, on all threads: nothing fails for it, and nothing is lost.
#include "net_fixture.hpp"

#include <gossamer/process.hpp>

#include <dirent.h>
#include <sys/syscall.h>

#include <csignal>

namespace {

using namespace gos_test;
namespace net = gos::net;
namespace process = gos::process;

// Sends a signal to every thread of the process again and again; its handler is not restarting.
class storm {
 public:
  storm() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, &before_);
    thread_ = std::thread([this] {
      while (!stop_) {
        DIR* const folder = ::opendir("/proc/self/task");
        while (const dirent* entry = ::readdir(folder)) {
          const int id = std::atoi(entry->d_name);
          if (id != 0 && id != ::gettid()) ::syscall(SYS_tgkill, ::getpid(), id, SIGUSR1);
        }
        ::closedir(folder);
        ++waves_;
        ::usleep(100);
      }
    });
  }
  ~storm() {
    stop_ = true;
    thread_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }
  storm(const storm&) = delete;
  storm& operator=(const storm&) = delete;
  int waves() const { return waves_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> waves_{0};
  struct sigaction before_ {};
  std::thread thread_;
};

TEST(Eintr, NothingFailsInAStorm) {
  const storm around;
  gos::run([&] {
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    gos::wait_group all;
    all.go([&] {
      while (auto conn = listener.accept()) {
        gos::go([conn = std::move(*conn)]() mutable {
          char buffer[4096];
          for (;;) {
            const auto got = conn.read_some(buffer);
            if (!got || *got == 0) return;
            if (!conn.write_all(std::string_view(buffer, *got))) return;
          }
        });
      }
    });
    gos::wait_group clients;
    std::atomic<int> good{0};
    constexpr int kinds = 4;
    for (int i = 0; i < kinds; ++i) {
      clients.go([&] {
        for (int k = 0; k < rounds(20); ++k) {
          auto conn = must(net::dial("tcp", listener.address().to_string()));
          const std::string text(10'000, 'x');
          std::string back(text.size(), '\0');
          must(conn.write_all(text));
          must(conn.read_full(std::span<char>(back)));
          if (back == text) ++good;
        }
      });
      clients.go([&] {
        for (int k = 0; k < rounds(8); ++k) {
          const auto cat = must(process::output({.arguments = {"cat"}, .in = process::stream::text("meow")}));
          if (cat.out == "meow" && cat.status.success()) ++good;
        }
      });
      clients.go([&] {
        for (int k = 0; k < rounds(20); ++k) {
          const auto begin = gos::now();
          gos::sleep(1ms);
          if (gos::now() - begin >= 1ms) ++good;
        }
      });
      clients.go([&] {
        for (int k = 0; k < rounds(20); ++k) good += must(net::lookup_host("localhost")).empty() ? 0 : 1;
        EXPECT_FALSE(net::lookup_host("no-such-host.invalid"));
      });
    }
    clients.wait();
    EXPECT_TRUE(eventually([&] { return around.waves() > 10; }));
    must(listener.close());
    all.wait();
    EXPECT_EQ(good, kinds * (3 * rounds(20) + rounds(8)));
  });
}

}  // namespace
