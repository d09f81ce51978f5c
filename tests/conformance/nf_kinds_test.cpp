// Contract section 16, NF-18, NF-19 and NF-23: words of failures, datagrams, pipes in memory.
#include "conformance/nf.hpp"

using namespace gos_test;

namespace {

template <class T> std::string text_of(const gos::result<T>& r) { return r ? "(no error)" : r.error().message(); }

TEST(NF, NF_18_errors_name_operation_and_addresses) {
  gos::run([] {
    auto [client, server] = connected_pair();
    const std::string here = client.local_address().to_string(), there = client.remote_address().to_string();
    char buffer[4];
    ASSERT_TRUE(client.set_deadline(gos::now() - 1s));
    const auto read = client.read_some(std::span<char>(buffer));
    EXPECT_EQ(text_of(read), "read tcp " + here + "->" + there + ": i/o timeout");
    EXPECT_EQ(text_of(client.write_all("x")), "write tcp " + here + "->" + there + ": i/o timeout");
    // The cause behind the text.
    EXPECT_EQ(read.error().code(), gos::io_errc::timeout);
    EXPECT_TRUE(read.error() == std::errc::timed_out);

    auto listener = listen_here();
    const std::string where = listener.address().to_string();
    EXPECT_EQ(text_of(gos::net::listen("tcp", where)), "listen tcp " + where + ": bind: address already in use");
    ASSERT_TRUE(listener.close());
    EXPECT_EQ(text_of(listener.accept()), "accept tcp " + where + ": use of closed network connection");
    const auto dialled = gos::net::dial("tcp", where);
    EXPECT_EQ(text_of(dialled), "dial tcp " + where + ": connect: connection refused");
    EXPECT_EQ(dialled.error().code(), std::error_code(ECONNREFUSED, std::system_category()));

    auto packets = gos::net::listen_udp("127.0.0.1:0").value();
    ASSERT_TRUE(packets.close());
    const std::string closed = packets.local_address().to_string();
    gos::net::endpoint from;
    EXPECT_EQ(text_of(packets.receive_from(std::span<char>(buffer), from)),
              "read udp " + closed + ": use of closed network connection");
  });
}

TEST(NF, NF_19_an_empty_packet_is_a_packet) {
  gos::run([] {
    auto server = gos::net::listen_udp("127.0.0.1:0").value();
    auto client = gos::net::dial_udp(server.local_address().to_string()).value();
    EXPECT_EQ(client.write_some("").value(), 0U);
    EXPECT_EQ(client.write_some("after it").value(), 8U);
    char buffer[16];
    gos::net::endpoint from;
    EXPECT_EQ(server.receive_from(std::span<char>(buffer), from).value(), 0U);
    EXPECT_EQ(from, client.local_address());
    EXPECT_EQ(server.receive_from(std::span<char>(buffer), from).value(), 8U);
    EXPECT_EQ(server.send_to("", from).value(), 0U);
    EXPECT_EQ(client.read_some(std::span<char>(buffer)).value(), 0U);
  });
}

TEST(NF, NF_23_a_pipe_in_memory) {
  gos::run([] {
    auto [a, b] = gos::net::pipe();
    // From memory to memory: what the writer changes before it is read is what is read.
    std::string data = "0123456789";
    auto writing = gos::spawn([&, end = &a] { return end->write_all(data); });
    ASSERT_TRUE(eventually([] { return gos::runtime::num_goroutine() == 2; }));
    char buffer[16];
    EXPECT_EQ(b.read_full(std::span<char>(buffer, 4)).value(), 4U);
    EXPECT_EQ(b.read_some(std::span<char>(buffer)).value(), 6U);
    EXPECT_EQ(writing.join().value(), 10U);

    auto reading = gos::spawn([&, end = &a] { return end->read_some(std::span<char>(buffer)); });
    ASSERT_TRUE(a.set_read_deadline(gos::now() + 5ms));
    const auto late = reading.join();
    EXPECT_TRUE(is_timeout(late));
    EXPECT_EQ(text_of(late), "read pipe: i/o timeout");
    ASSERT_TRUE(a.set_deadline(gos::now() - 1s));
    EXPECT_TRUE(is_timeout(a.write_all("x")));
    ASSERT_TRUE(a.set_deadline({}));

    auto waiting = gos::spawn([&, end = &b] { return end->read_some(std::span<char>(buffer)); });
    ASSERT_TRUE(a.close());
    EXPECT_EQ(waiting.join().value(), 0U);  // end of file
    const std::string closed = "io: read/write on closed pipe";
    EXPECT_EQ(text_of(b.write_all("x")), closed);
    EXPECT_EQ(text_of(a.read_some(std::span<char>(buffer))), closed);
    EXPECT_EQ(text_of(a.write_all("x")), closed);
    EXPECT_EQ(text_of(a.close()), closed);
  });
}

}  // namespace
