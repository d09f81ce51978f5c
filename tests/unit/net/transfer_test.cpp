// transfer: pieces, files and whole connections at once; every byte arrives once and in order, also when the receiver is slow.
#include "net_fixture.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

namespace {

using namespace gos_test;
namespace net = gos::net;

std::string pattern(std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 131 >> 7);
  return text;
}

std::string read_to_end(net::stream_base& conn) {
  std::string all;
  std::vector<char> buffer(10'000);
  while (const std::size_t n = must(conn.read_some(std::span(buffer)))) all.append(buffer.data(), n);
  return all;
}

// A file without a name, with this content.
class temporary_file {
 public:
  explicit temporary_file(const std::string& content) : file_(std::tmpfile()) {
    std::fwrite(content.data(), 1, content.size(), file_);
    std::fflush(file_);
  }
  ~temporary_file() { std::fclose(file_); }
  int fd() const { return ::fileno(file_); }

 private:
  std::FILE* file_;
};

const std::size_t much = sanitized || slow_machine() ? 1 << 20 : 8 << 20;  // more than buffers hold

TEST(Transfer, PiecesAreOneWrite) {
  gos::run([] {
    auto [client, server] = connect_pair();
    std::vector<std::string> texts;
    auto random = rng();
    std::string all;
    for (int i = 0; i < 300; ++i) {
      texts.push_back(pattern(random() % 3 == 0 ? 0 : random() % (much / 150)));
      all += texts.back();
    }
    const std::vector<std::string_view> pieces(texts.begin(), texts.end());
    auto reading = gos::spawn([&server = server] { return read_to_end(server); });
    EXPECT_EQ(must(client.write_all(pieces)), all.size());
    EXPECT_EQ(must(client.write_all(std::span<const std::string_view>())), 0U);
    must(client.close_write());
    EXPECT_TRUE(reading.join() == all);
    const std::string_view two[] = {"a", "b"};
    const auto w = client.write_all(two);
    EXPECT_EQ(message_of(w), "write tcp " + between(client) + ": sendmsg: broken pipe");
  });
}

TEST(Transfer, PiecesEndAtTheDeadlineWithACount) {
  gos::run([] {
    auto [client, server] = connect_pair();
    const std::string block = pattern(64 << 10);
    const std::vector<std::string_view> pieces(1000, block);
    must(client.set_write_deadline(in(20ms)));
    const auto w = client.write_all(pieces);
    ASSERT_FALSE(w);
    EXPECT_EQ(w.error(), std::errc::timed_out);
    must(client.close());
    EXPECT_EQ(read_to_end(server).size(), w.error().transferred());
  });
}

TEST(Transfer, FilesAreSent) {
  gos::run([] {
    const std::string content = pattern(much);
    const temporary_file file(content);
    auto [client, server] = connect_pair();
    auto [left, right] = net::pipe();  // reads and writes, as whatever is no socket
    for (net::stream_base* to : {static_cast<net::stream_base*>(&client), static_cast<net::stream_base*>(&left)}) {
      net::stream_base& end = to == &client ? static_cast<net::stream_base&>(server) : right;
      auto reading = gos::spawn([&end] { return read_to_end(end); });
      EXPECT_EQ(must(to->send_file(file.fd(), 1000, content.size() / 2)), content.size() / 2);
      EXPECT_EQ(must(to->send_file(file.fd(), content.size() - 5, 1000)), 5U);  // the file ends
      EXPECT_EQ(must(to->send_file(file.fd(), content.size() + 5, 1000)), 0U);
      EXPECT_EQ(to->send_file(-1, 0, 1).error(), std::errc::bad_file_descriptor);
      must(to->close_write());
      EXPECT_TRUE(reading.join() == content.substr(1000, content.size() / 2) + content.substr(content.size() - 5));
    }
  });
}

// A peer that is gone is an error there too, and never the signal.
TEST(Transfer, NoSignalForABrokenConnection) {
  const temporary_file file(pattern(100'000));
  auto [client, server] = connect_pair();
  auto [source, feed] = connect_pair();
  must(server.linger(0));
  must(server.close());
  EXPECT_TRUE(eventually([&] { return !client.write_all("anybody?"); }));
  const auto sent = client.send_file(file.fd(), 0, 1000);
  EXPECT_EQ(message_of(sent), "write tcp " + between(client) + ": sendfile: broken pipe");
  must(feed.write_all("for nobody"));
  const auto copied = net::copy(client, source);
  EXPECT_EQ(message_of(copied), "write tcp " + between(client) + ": splice: broken pipe");
}

// A chain of copies of each kind: TCP, Unix, memory.
TEST(Transfer, CopiesEverything) {
  gos::run([] {
    auto [a, a_end] = connect_pair();
    auto [b, b_end] = must(net::unix_pair());
    auto [c, c_end] = net::pipe();
    auto [d, d_end] = connect_pair();
    const std::string text = pattern(much);
    gos::wait_group done;
    const auto pass_on = [&](net::stream_base& to, net::stream_base& from) {
      done.go([&, expected = text.size()] {
        EXPECT_EQ(must(net::copy(to, from)), expected);
        must(to.close_write());
      });
    };
    pass_on(b, a_end);   // splice
    pass_on(c, b_end);   // through memory
    pass_on(d, c_end);
    auto reading = gos::spawn([&d_end = d_end] { return read_to_end(d_end); });
    must(a.write_all(std::string_view(text).substr(0, 100)));
    gos::sleep(1ms);  // the copies wait for more
    must(a.write_all(std::string_view(text).substr(100)));
    must(a.close_write());
    done.wait();
    EXPECT_TRUE(reading.join() == text);
  });
}

TEST(Transfer, CopiesThatWaitHoldNoPipeAndEndByDeadline) {
  gos::run([] {
    auto [a, a_end] = connect_pair();
    auto [b, b_end] = connect_pair();
    const auto next_descriptor = [] {
      const int fd = ::dup(0);
      ::close(fd);
      return fd;
    };
    must(a.write_all("x"));
    const int before = next_descriptor();
    must(b.set_read_deadline(in(-1s)));
    auto copying = gos::spawn([&, to = &b, from = &a_end] { return net::copy(*to, *from); });
    char byte = 0;
    must(b_end.read_full(std::span(&byte, 1)));
    ASSERT_TRUE(blocked("IO wait"));
    EXPECT_LE(next_descriptor(), before + 2);  // one pipe, in the pool
    must(a_end.set_read_deadline(in(-1s)));
    const auto r = copying.join();
    EXPECT_EQ(message_of(r), "read tcp " + between(a_end) + ": i/o timeout");
    EXPECT_EQ(r.error().transferred(), 1U);
  });
}

}  // namespace
