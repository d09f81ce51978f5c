// Contract section 16, NF-02 to NF-07 and NF-12 to NF-16: deadlines, ends of streams, whole writes, accept. What close does
// is in nf_close_test.cpp.
#include "conformance/nf.hpp"

#include <sys/socket.h>

#include <array>
#include <netinet/in.h>

using namespace gos_test;

namespace {

std::span<char> span_of(auto& buffer) { return {std::data(buffer), std::size(buffer)}; }

TEST(NF, NF_02_a_deadline_applies_until_it_is_changed) {
  gos::run([] {
    auto [client, server] = connected_pair();
    char buffer[16];
    ASSERT_TRUE(client.set_read_deadline(gos::now() + 10ms));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_timeout(client.read_some(span_of(buffer))));
    // The zero time removes it.
    ASSERT_TRUE(client.set_read_deadline(gos::time_point{}));
    ASSERT_TRUE(server.write_all("a"));
    EXPECT_EQ(client.read_some(span_of(buffer)).value(), 1U);
    ASSERT_TRUE(client.set_read_deadline(gos::now() + 5ms));
    ASSERT_TRUE(client.set_read_deadline({}));
    auto reading = gos::spawn([&] { return client.read_some(span_of(buffer)); });
    ASSERT_TRUE(blocked("IO wait"));
    gos::sleep(30ms);
    EXPECT_EQ(in_state("IO wait"), 1);
    ASSERT_TRUE(server.write_all("b"));
    EXPECT_EQ(reading.join().value(), 1U);

    // The same for writing.
    const std::string more_than_fits(64 << 20, 'x');
    ASSERT_TRUE(server.set_write_deadline(gos::now() + 20ms));
    const auto written = server.write_all(more_than_fits);
    EXPECT_TRUE(is_timeout(written));
    EXPECT_TRUE(is_timeout(server.write_all("more")));
    ASSERT_TRUE(server.set_deadline({}));
    auto drain = gos::spawn([&] { return read_all(client).size(); });
    EXPECT_TRUE(server.write_all("at last"));
    ASSERT_TRUE(server.close_write());
    // What the first of the refused writes had sent before, and the last.
    const std::size_t arrived = drain.join();
    EXPECT_EQ(arrived, written.error().transferred() + 7);
    EXPECT_LT(arrived, more_than_fits.size());
  });
}

TEST(NF, NF_03_an_expired_deadline_stops_its_own_direction_only) {
  gos::run([] {
    auto [client, server] = connected_pair();
    char buffer[16];
    ASSERT_TRUE(server.write_all("data is there"));
    gos::sleep(5ms);
    ASSERT_TRUE(client.set_read_deadline(gos::now() - 1s));
    EXPECT_TRUE(is_timeout(client.read_some(span_of(buffer))));
    EXPECT_TRUE(client.write_all("x"));
    ASSERT_TRUE(client.set_write_deadline(gos::now() - 1s));
    EXPECT_TRUE(is_timeout(client.write_all("y")));
    ASSERT_TRUE(client.set_read_deadline({}));
    EXPECT_EQ(client.read_some(span_of(buffer)).value(), 13U);
    EXPECT_TRUE(is_timeout(client.write_some("y")));
    // Nothing of the refused writes has arrived.
    ASSERT_TRUE(client.close());
    EXPECT_EQ(read_all(server), "x");
  });
}

TEST(NF, NF_03_set_deadline_sets_both) {
  gos::run([] {
    auto [client, server] = connected_pair();
    char buffer[16];
    ASSERT_TRUE(client.set_deadline(gos::now() - 1ms));
    EXPECT_TRUE(is_timeout(client.read_some(span_of(buffer))));
    EXPECT_TRUE(is_timeout(client.write_all("x")));
    ASSERT_TRUE(client.set_deadline(gos::now() + 1h));
    ASSERT_TRUE(client.write_all("x"));
    EXPECT_EQ(server.read_some(span_of(buffer)).value(), 1U);
  });
}

TEST(NF, NF_04_a_deadline_in_the_past_wakes_blocked_operations) {
  gos::run([] {
    auto [client, server] = connected_pair();
    auto reading = gos::spawn([&] {
      char buffer[16];
      return client.read_some(span_of(buffer));
    });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(client.set_read_deadline(gos::now() - 1s));
    EXPECT_TRUE(is_timeout(reading.join()));

    auto writing = blocked_writer(client);
    ASSERT_TRUE(client.set_deadline(gos::now() - 1s));
    EXPECT_TRUE(is_timeout(writing.join()));

    auto listener = listen_here();
    auto accepting = gos::spawn([&] { return listener.accept(); });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(listener.set_deadline(gos::now() - 1s));
    EXPECT_TRUE(is_timeout(accepting.join()));
  });
}

TEST(NF, NF_05_a_deadline_can_be_moved_later) {
  gos::run([] {
    auto [client, server] = connected_pair();
    const auto old = gos::now() + scaled(2s);  // The reader must be there before.
    ASSERT_TRUE(client.set_read_deadline(old));
    auto reading = gos::spawn([&] {
      char buffer[16];
      return client.read_some(span_of(buffer));
    });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(client.set_read_deadline(gos::now() + 1h));
    gos::sleep_until(old + 30ms);
    EXPECT_EQ(in_state("IO wait"), 1);
    ASSERT_TRUE(server.write_all("x"));
    EXPECT_EQ(reading.join().value(), 1U);
  });
}

TEST(NF, NF_05_also_while_the_old_one_expires) {
  gos::run([] {
    auto [client, server] = connected_pair();
    auto random = rng();
    for (int i = 0; i < rounds(200); ++i) {
      ASSERT_TRUE(client.set_read_deadline(gos::now() + 500us));
      std::atomic<bool> extended = false;
      auto reading = gos::spawn([&] {
        char buffer[1];
        return client.read_some(span_of(buffer));
      });
      gos::sleep(400us + std::chrono::microseconds(random() % 200));
      // Either it was late, and the read has timed out, or the read goes on until the byte comes.
      ASSERT_TRUE(client.set_read_deadline(gos::now() + 1h));
      extended = true;
      ASSERT_TRUE(server.write_all("x"));
      const auto got = reading.join();
      if (!got) {
        ASSERT_TRUE(is_timeout(got));
        char buffer[1];
        ASSERT_EQ(client.read_some(span_of(buffer)).value(), 1U);
      } else {
        ASSERT_EQ(*got, 1U);
      }
    }
  });
}

TEST(NF, NF_06_never_early_and_usable_afterwards) {
  gos::run([] {
    auto [client, server] = connected_pair();
    char buffer[16];
    for (const auto d : {1us, 100us, 1000us, 3000us, 10'000us}) {
      const auto deadline = gos::now() + d;
      ASSERT_TRUE(client.set_read_deadline(deadline));
      EXPECT_TRUE(is_timeout(client.read_some(span_of(buffer))));
      EXPECT_GE(gos::now(), deadline);
      ASSERT_TRUE(client.set_read_deadline(gos::now() + 1h));
      ASSERT_TRUE(server.write_all("ok"));
      EXPECT_EQ(client.read_full(std::span(buffer, 2)).value(), 2U);
    }
  });
}

TEST(NF, NF_07_a_buffer_is_not_touched_after_a_timeout) {
  gos::run([] {
    auto [client, server] = connected_pair();
    std::atomic<bool> stop = false;
    auto feeding = gos::spawn([&] {
      while (!stop && server.write_all("0123456789")) gos::sleep(300us);
    });
    auto random = rng();
    for (int i = 0; i < rounds(200); ++i) {
      std::array<char, 64> buffer;
      buffer.fill('#');
      ASSERT_TRUE(client.set_read_deadline(gos::now() + std::chrono::microseconds(random() % 600)));
      const auto got = client.read_some(span_of(buffer));
      const auto after = buffer;
      if (!got) {
        EXPECT_TRUE(is_timeout(got));
        for (char c : after) ASSERT_EQ(c, '#');
      }
      gos::sleep(200us);
      ASSERT_EQ(buffer, after);
    }
    stop = true;
    feeding.join();
  });
}

TEST(NF, NF_12_remaining_data_then_end_of_file) {
  gos::run([] {
    auto [client, server] = connected_pair();
    ASSERT_TRUE(server.write_all("the rest"));
    ASSERT_TRUE(server.close());
    gos::sleep(1ms);
    EXPECT_EQ(read_all(client), "the rest");
    char buffer[4];
    EXPECT_EQ(client.read_some(span_of(buffer)).value(), 0U);  // And again.
  });
}

TEST(NF, NF_12_a_reset_is_an_error) {
  gos::run([] {
    auto [client, server] = connected_pair();
    auto reading = gos::spawn([&client = client] {
      char buffer[4];
      return client.read_some(span_of(buffer));
    });
    ASSERT_TRUE(blocked("IO wait"));
    ASSERT_TRUE(server.linger(0));
    ASSERT_TRUE(server.close());
    const auto got = reading.join();
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error() == std::errc::connection_reset) << got.error().message();
    EXPECT_NE(got.error().message().find("connection reset by peer"), std::string::npos)
        << got.error().message();
  });
}

TEST(NF, NF_12_writing_to_a_peer_that_has_gone) {
  gos::run([] {
    auto [client, server] = connected_pair();
    ASSERT_TRUE(server.close());
    // The first goes into the void, the answer makes a later one fail; SIGPIPE must not end the process.
    EXPECT_TRUE(eventually([&] { return !client.write_all("anybody?"); }));
    EXPECT_FALSE(client.write_all("anybody?"));
  });
}

TEST(NF, NF_13_closing_one_direction) {
  gos::run([] {
    auto [client, server] = connected_pair();
    ASSERT_TRUE(client.write_all("question"));
    ASSERT_TRUE(client.close_write());
    EXPECT_EQ(read_all(server), "question");
    EXPECT_FALSE(client.write_all("too late"));
    ASSERT_TRUE(server.write_all("answer"));
    ASSERT_TRUE(server.close_write());
    EXPECT_EQ(read_all(client), "answer");
  });
}

TEST(NF, NF_14_a_write_sends_everything) {
  gos::run([] {
    auto [client, server] = connected_pair();
    const std::size_t n = (sanitized || slow_machine() ? 1U : 16U) << 20;
    std::string data(n, '\0');
    for (std::size_t i = 0; i < n; ++i) data[i] = static_cast<char>(i * 131 >> 8);
    auto reading = gos::spawn([&server = server] { return read_all(server); });
    const auto written = client.write_all(data);
    EXPECT_EQ(written.value(), n);
    ASSERT_TRUE(client.close());
    EXPECT_TRUE(reading.join() == data);
  });
}

TEST(NF, NF_14_writers_do_not_interleave) {
  gos::run([] {
    auto [client, server] = connected_pair();
    const std::size_t block = 300'000;  // More than the buffers of the system hold at once.
    constexpr int writers = 4;
    const int each = rounds(10);
    gos::wait_group group;
    for (int w = 0; w < writers; ++w) {
      group.go([&client = client, w, each, block] {
        for (int i = 0; i < each; ++i) {
          EXPECT_EQ(client.write_all(std::string(block, static_cast<char>('a' + w))).value(), block);
        }
      });
    }
    std::vector<char> buffer(block);
    std::array<int, writers> blocks{};
    for (int i = 0; i < writers * each; ++i) {
      ASSERT_EQ(server.read_full(std::span<char>(buffer)).value(), block);
      for (char c : buffer) ASSERT_EQ(c, buffer.front());
      ++blocks.at(static_cast<std::size_t>(buffer.front() - 'a'));
    }
    for (int count : blocks) EXPECT_EQ(count, each);
    group.wait();
  });
}

TEST(NF, NF_14_readers_are_serialised) {
  gos::run([] {
    auto [client, server] = connected_pair();
    // Each byte goes to one reader, and none is lost between them.
    std::array<std::atomic<int>, 256> seen{};
    gos::wait_group readers;
    for (int r = 0; r < 4; ++r) {
      readers.go([&, &server = server] {
        std::array<unsigned char, 100> buffer;
        for (;;) {
          const auto n = server.read_some(std::as_writable_bytes(std::span(buffer)));
          ASSERT_TRUE(n) << n.error().message();
          if (*n == 0) return;
          for (std::size_t i = 0; i < *n; ++i) ++seen[buffer[i]];
        }
      });
    }
    const int n = rounds(200);
    std::string all(256, '\0');
    for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<char>(i);
    for (int i = 0; i < n; ++i) {
      ASSERT_TRUE(client.write_all(all));
      if (i % 3 == 0) gos::yield();
    }
    ASSERT_TRUE(client.close());
    readers.wait();
    for (const auto& count : seen) ASSERT_EQ(count, n);
  });
}

TEST(NF, NF_15_an_empty_buffer) {
  gos::run([] {
    auto [client, server] = connected_pair();
    EXPECT_EQ(client.read_some(std::span<char>()).value(), 0U);
    EXPECT_EQ(client.read_full(std::span<std::byte>()).value(), 0U);
    ASSERT_TRUE(server.write_all("x"));
    EXPECT_EQ(client.read_some(std::span<char>()).value(), 0U);
    char buffer[4];
    EXPECT_EQ(client.read_some(span_of(buffer)).value(), 1U);
    EXPECT_EQ(client.write_all("").value(), 0U);
  });
}

TEST(NF, NF_16_aborted_connections_do_not_disturb_accept) {
  gos::run([] {
    auto listener = listen_here();
    auto accepting = gos::spawn([&] {
      // Whether a connection reset before it was accepted shows up at all is up to the system; accept never fails.
      for (;;) {
        auto conn = listener.accept();
        if (!conn) return conn.error().message();
        char buffer[4];
        const auto n = conn->read_some(span_of(buffer));
        if (n && *n == 1) return std::string(buffer, 1);
      }
    });
    const std::string address = listener.address().to_string();
    for (int i = 0; i < 20; ++i) {
      auto conn = gos::net::dial("tcp", address);
      ASSERT_TRUE(conn) << conn.error().message();
      ASSERT_TRUE(conn->linger(0));
      ASSERT_TRUE(conn->close());
    }
    auto good = gos::net::dial("tcp", address);
    ASSERT_TRUE(good);
    ASSERT_TRUE(good->write_all("!"));
    EXPECT_EQ(accepting.join(), "!");
  });
}

TEST(NF, NF_16_accept_has_a_deadline_of_its_own) {
  gos::run([] {
    auto listener = listen_here();
    const auto deadline = gos::now() + 10ms;
    ASSERT_TRUE(listener.set_deadline(deadline));
    EXPECT_TRUE(is_timeout(listener.accept()));
    EXPECT_GE(gos::now(), deadline);
    EXPECT_TRUE(is_timeout(listener.accept()));
    ASSERT_TRUE(listener.set_deadline({}));
    auto client = gos::net::dial("tcp", listener.address().to_string());
    ASSERT_TRUE(client);
    EXPECT_TRUE(listener.accept());
  });
}

TEST(NF, extra_many_clients_at_once) {
  gos::run([] {
    auto listener = listen_here();
    const int n = live(200);
    gos::go([&] {
      for (;;) {
        auto conn = listener.accept();
        if (!conn) return;
        gos::go(
            [](gos::net::tcp_conn c) {
              char buffer[256];
              for (;;) {
                const auto got = c.read_some(span_of(buffer));
                if (!got || *got == 0 || !c.write_all(std::string_view(buffer, *got))) return;
              }
            },
            std::move(*conn));
      }
    });
    gos::wait_group clients;
    const std::string address = listener.address().to_string();
    for (int i = 0; i < n; ++i) {
      clients.go([=] {
        auto conn = gos::net::dial("tcp", address);
        ASSERT_TRUE(conn) << conn.error().message();
        for (int k = 0; k < 20; ++k) {
          const std::string text = "message " + std::to_string(i) + "." + std::to_string(k);
          ASSERT_TRUE(conn->write_all(text));
          std::string back(text.size(), '\0');
          ASSERT_TRUE(conn->read_full(std::span<char>(back)));
          ASSERT_EQ(back, text);
        }
      });
    }
    clients.wait();
    ASSERT_TRUE(listener.close());
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(NF, extra_from_plain_threads) {
  auto listener = listen_here();
  std::thread server([&] {
    auto conn = listener.accept();
    ASSERT_TRUE(conn);
    EXPECT_EQ(read_all(*conn), "from a thread");
    EXPECT_TRUE(conn->write_all("to a thread"));
  });
  auto client = gos::net::dial("tcp", listener.address().to_string());
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->write_all("from a thread"));
  ASSERT_TRUE(client->close_write());
  EXPECT_EQ(read_all(*client), "to a thread");
  server.join();
  char buffer[1];
  ASSERT_TRUE(client->set_read_deadline(gos::now() - 1s));
  EXPECT_TRUE(is_timeout(client->read_some(span_of(buffer))));
}

TEST(NF, extra_addresses) {
  gos::run([] {
    auto listener = gos::net::listen("tcp", "localhost:0");
    ASSERT_TRUE(listener) << listener.error().message();
    EXPECT_NE(listener->address().port(), 0);
    auto conn = gos::net::dial("tcp", "localhost:" + std::to_string(listener->address().port()));
    ASSERT_TRUE(conn) << conn.error().message();
    EXPECT_EQ(conn->remote_address().port(), listener->address().port());
    EXPECT_EQ(conn->remote_address().to_string(), listener->address().to_string());
    auto accepted = listener->accept();
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->remote_address().to_string(), conn->local_address().to_string());

    for (const char* bad : {"127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "300.0.0.1:80", "127.0.0.1:-1"}) {
      const auto r = gos::net::listen("tcp", bad);
      EXPECT_FALSE(r) << bad;
      if (!r) { EXPECT_FALSE(r.error().message().empty()); }
    }
    EXPECT_FALSE(gos::net::listen("carrier pigeon", "127.0.0.1:0"));
    const auto busy = gos::net::listen("tcp", listener->address().to_string());
    ASSERT_FALSE(busy);
    EXPECT_TRUE(busy.error() == std::errc::address_in_use) << busy.error().message();
    // Nobody listens there any more.
    auto gone = listen_here();
    const std::string address = gone.address().to_string();
    ASSERT_TRUE(gone.close());
    const auto refused = gos::net::dial("tcp", address);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error() == std::errc::connection_refused) << refused.error().message();
    EXPECT_NE(refused.error().message().find("connection refused"), std::string::npos)
        << refused.error().message();
  });
}

}  // namespace
