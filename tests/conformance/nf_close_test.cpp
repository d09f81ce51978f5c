// Contract section 16, NF-08 to NF-11: what close does, to operations under way and to the descriptor.
#include "conformance/nf.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

using namespace gos_test;

namespace {

TEST(NF, NF_08_close_wakes_blocked_operations) {
  gos::run([] {
    auto [client, server] = connected_pair();
    gos::wait_group readers;
    for (int i = 0; i < 3; ++i) {
      readers.go([&client = client] {
        char buffer[16];
        EXPECT_TRUE(is_closed(client.read_some(std::span<char>(buffer))));
      });
    }
    EXPECT_TRUE(eventually([] { return in_state("IO wait") >= 1; }));
    ASSERT_TRUE(client.close());
    readers.wait();

    auto [other, peer] = connected_pair();
    auto writing = blocked_writer(other);
    ASSERT_TRUE(other.close());
    EXPECT_TRUE(is_closed(writing.join()));

    auto listener = listen_here();
    gos::wait_group acceptors;
    for (int i = 0; i < 3; ++i) acceptors.go([&] { EXPECT_TRUE(is_closed(listener.accept())); });
    EXPECT_TRUE(eventually([] { return in_state("IO wait") >= 1; }));
    ASSERT_TRUE(listener.close());
    acceptors.wait();
  });
}

TEST(NF, NF_08_operations_after_close) {
  gos::run([] {
    auto [client, server] = connected_pair();
    char buffer[16];
    ASSERT_TRUE(client.close());
    EXPECT_TRUE(is_closed(client.read_some(std::span<char>(buffer))));
    EXPECT_TRUE(is_closed(client.write_all("x")));
    EXPECT_TRUE(is_closed(client.close_write()));
    EXPECT_TRUE(is_closed(client.set_deadline(gos::now() + 1s)));
    auto listener = listen_here();
    ASSERT_TRUE(listener.close());
    EXPECT_TRUE(is_closed(listener.accept()));
  });
}

TEST(NF, NF_08_plain_threads_are_woken_too) {
  auto listener = listen_here();
  std::thread accepting([&] { EXPECT_TRUE(is_closed(listener.accept())); });
  std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(listener.close());
  accepting.join();
}

TEST(NF, NF_09_a_port_is_free_at_once) {
  gos::run([] {
    auto listener = listen_here();
    const std::string address = listener.address().to_string();
    for (int i = 0; i < rounds(50); ++i) {
      auto accepting = gos::spawn([&] { return listener.accept(); });
      ASSERT_TRUE(blocked("IO wait"));
      ASSERT_TRUE(listener.close());
      auto again = gos::net::listen("tcp", address);
      ASSERT_TRUE(again) << again.error().message();
      EXPECT_TRUE(is_closed(accepting.join()));
      listener = std::move(*again);
    }
  });
}

TEST(NF, NF_09_the_descriptor_is_really_closed) {
  gos::run([] {
    auto [client, server] = connected_pair();
    const int fd = client.native_handle();
    struct stat s;
    ASSERT_EQ(::fstat(fd, &s), 0);
    auto reading = gos::spawn([&client = client] {
      char buffer[1];
      return client.read_some(std::span<char>(buffer));
    });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(client.close());
    EXPECT_EQ(::fstat(fd, &s), -1);
    EXPECT_TRUE(is_closed(reading.join()));
    // The peer sees it.
    EXPECT_EQ(read_all(server), "");
  });
}

TEST(NF, NF_09_a_handle_that_goes_out_of_scope_closes) {
  gos::run([] {
    auto pair = connected_pair();
    { auto dying = std::move(pair.client); }
    EXPECT_EQ(read_all(pair.server), "");
    auto first = connected_pair(), second = connected_pair();
    first.client = std::move(second.client);  // Closes the first.
    EXPECT_EQ(read_all(first.server), "");
    ASSERT_TRUE(first.client.write_all("second"));
    ASSERT_TRUE(first.client.close());
    EXPECT_EQ(read_all(second.server), "second");
  });
}

// Connections are closed under readers and writers while others are opened, which get the same numbers: nobody may see
// a byte of somebody else's stream.
TEST(NF, NF_10_a_descriptor_is_not_reused_under_an_operation) {
  gos::run([] {
    auto listener = listen_here();
    const std::string address = listener.address().to_string();
    const int lanes = 4, n = rounds(100);
    // A server that says a letter over and over, the one that the client asked for.
    gos::go([&] {
      for (;;) {
        auto conn = listener.accept();
        if (!conn) return;
        gos::go(
            [](gos::net::tcp_conn c) {
              char letter;
              if (auto n = c.read_some(std::span<char>(&letter, 1)); !n || *n != 1) return;
              const std::string text(512, letter);
              while (c.write_all(text)) gos::yield();
            },
            std::move(*conn));
      }
    });
    gos::wait_group group;
    for (int lane = 0; lane < lanes; ++lane) {
      group.go([=] {
        const char letter = static_cast<char>('a' + lane);
        for (int i = 0; i < n; ++i) {
          auto conn = gos::net::dial("tcp", address);
          ASSERT_TRUE(conn) << conn.error().message();
          ASSERT_TRUE(conn->write_all(std::string_view(&letter, 1)));
          gos::wait_group readers;
          for (int r = 0; r < 2; ++r) {
            readers.go([&] {
              char buffer[300];
              for (;;) {
                const auto got = conn->read_some(std::span<char>(buffer));
                if (!got) {
                  EXPECT_TRUE(is_closed(got));
                  return;
                }
                for (std::size_t k = 0; k < *got; ++k) ASSERT_EQ(buffer[k], letter);
              }
            });
          }
          for (int k = 0; k < i % 5; ++k) gos::yield();
          EXPECT_TRUE(conn->close());
          readers.wait();
        }
      });
    }
    group.wait();
    ASSERT_TRUE(listener.close());
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(NF, NF_11_a_second_close_says_so) {
  gos::run([] {
    auto [client, server] = connected_pair();
    EXPECT_TRUE(client.close());
    EXPECT_TRUE(is_closed(client.close()));
    EXPECT_TRUE(is_closed(client.close()));
    auto listener = listen_here();
    EXPECT_TRUE(listener.close());
    EXPECT_TRUE(is_closed(listener.close()));
  });
}

TEST(NF, NF_11_of_many_closes_one_succeeds) {
  gos::run([] {
    for (int i = 0; i < rounds(50); ++i) {
      auto [client, server] = connected_pair();
      std::atomic<int> successes = 0;
      gos::wait_group group;
      for (int k = 0; k < 4; ++k) {
        group.go([&, &client = client] {
          const auto r = client.close();
          if (r) ++successes;
          else EXPECT_TRUE(is_closed(r));
        });
        group.go([&client = client] {
          char buffer[1];
          const auto r = client.read_some(std::span<char>(buffer));
          EXPECT_TRUE(is_closed(r));
        });
      }
      group.wait();
      EXPECT_EQ(successes, 1);
    }
  });
}

}  // namespace
