// tcp under races: close against blocked and entering operations, deadlines moved all the while, descriptors reused at once.
#include "net_fixture.hpp"

namespace {

using namespace gos_test;
namespace net = gos::net;

// NF-08, NF-10, NF-11: a crowd on one connection; two close it; everybody comes home, for the right reason.
TEST(TcpRace, CloseAgainstEverybody) {
  gos::run([] {
    auto random = rng();
    for (int round = 0; round < rounds(400); ++round) {
      auto [client, server] = connect_pair();
      gos::wait_group done;
      std::atomic<int> closed{0}, wrong{0};
      const auto right = [&](const gos::error& e) {
        if (e != gos::io_errc::closed && e != std::errc::timed_out) ++wrong;
      };
      for (int i = 0; i < 3; ++i) {
        done.go([&] {
          char buffer[8];
          for (;;) {
            const auto r = client.read_some(buffer);
            if (r) continue;
            right(r.error());
            if (r.error() == gos::io_errc::closed) return;
            gos::yield();
          }
        });
        done.go([&] {
          const std::string much(100'000, 'x');
          for (;;) {
            const auto w = client.write_all(much);
            if (w) continue;
            right(w.error());
            if (w.error() == gos::io_errc::closed) return;
            gos::yield();
          }
        });
      }
      done.go([&, shift = random() % 300] {
        while (client.set_deadline(in(std::chrono::microseconds(shift)))) gos::yield();
      });
      for (int i = 0; i < 2; ++i) {
        done.go([&, after = random() % 1000] {
          gos::sleep(std::chrono::microseconds(after));
          if (client.close()) ++closed;
        });
      }
      done.wait();
      ASSERT_EQ(closed, 1);
      ASSERT_EQ(wrong, 0);
    }
  });
}

// NF-09 with descriptors and ports reused at once, from goroutines and a plain thread.
TEST(TcpRace, ListenersCloseAndListenAgain) {
  gos::run([] {
    std::string where;
    {
      auto first = must(net::listen("tcp", own_loopback()));
      where = first.address().to_string();
    }
    for (int round = 0; round < rounds(300); ++round) {
      auto listener = must(net::listen("tcp", where));
      gos::wait_group done;
      for (int i = 0; i < 2; ++i) done.go([&] { EXPECT_EQ(listener.accept().error(), gos::io_errc::closed); });
      if (round % 2 == 0) gos::yield();
      must(listener.close());
      done.wait();
    }
  });
}

// Connections come and go quickly, so that descriptors and poll_descs are reused while late events are on their way.
TEST(TcpRace, ConnectionsComeAndGo) {
  gos::run([] {
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    gos::wait_group server;
    server.go([&] {
      while (auto conn = listener.accept()) {
        gos::go([c = std::move(*conn)]() mutable {
          char buffer[64];
          while (true) {
            const auto n = c.read_some(buffer);
            if (!n || *n == 0) return;
            if (!c.write_all(std::string_view(buffer, *n))) return;
          }
        });
      }
    });
    gos::wait_group clients;
    std::atomic<int> good{0};
    const int each = rounds(100);
    for (int i = 0; i < 8; ++i) {
      clients.go([&] {
        for (int k = 0; k < each; ++k) {
          auto conn = must(net::dial("tcp", listener.address().to_string()));
          must(conn.set_deadline(in(scaled(10s))));
          char byte = static_cast<char>(k), back = 0;
          must(conn.write_all(std::string_view(&byte, 1)));
          must(conn.read_full(std::span(&back, 1)));
          if (back == byte) ++good;
          if (k % 2 == 0) must(conn.linger(0));  // no waiting ports left behind
        }
      });
    }
    clients.wait();
    EXPECT_EQ(good, 8 * each);
    must(listener.close());
    server.wait();
  });
}

// Threads and goroutines on the two ends, and on the same end.
TEST(TcpRace, ThreadsAndGoroutinesMix) {
  auto [client, server] = connect_pair();
  std::atomic<std::size_t> received{0};
  std::vector<std::thread> threads;
  const int each = rounds(500);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, c = &client] {
      for (int k = 0; k < each; ++k) must(c->write_all("0123456789"));
    });
    threads.emplace_back([&, s = &server] {
      char buffer[100];
      while (const std::size_t n = must(s->read_some(buffer))) received += n;
    });
  }
  gos::run([&, c = &client, s = &server] {
    gos::wait_group done, readers;
    for (int i = 0; i < 2; ++i) {
      done.go([&] {
        for (int k = 0; k < each; ++k) must(c->write_all("0123456789"));
      });
      readers.go([&] {
        char buffer[100];
        while (const std::size_t n = must(s->read_some(buffer))) received += n;
      });
    }
    done.wait();
    threads[0].join();
    threads[2].join();
    must(c->close_write());
    readers.wait();
  });
  threads[1].join();
  threads[3].join();
  EXPECT_EQ(received, 4U * static_cast<std::size_t>(each) * 10U);
}

}  // namespace
