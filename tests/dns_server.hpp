// dns_server: a name server on the loopback, over UDP and TCP, whose answers are what a name asks for; and the configuration
// that makes the library ask it.
//
// Names have the addresses that add() gives them. Beyond that the first word of a name, up to a dot or hyphen, says what becomes of
// it:
//   nosuch  servfail  refused  empty  never  garbage (no DNS at all)  wrongid (somebody else's answer)
//   held    answered when release() is called
//   big     truncated over UDP, 40 addresses over TCP
#pragma once
#include "fixture.hpp"

#include "net/lookup.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <mutex>

namespace gos_test {

class dns_server {
 public:
  // Extra lines of resolv.conf.
  explicit dns_server(const std::string& options = "options timeout:5 attempts:2") {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    // The same number for both; another process may have one of them.
    for (bool bound = false; !bound;) {
      here.sin_port = 0;
      tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      EXPECT_EQ(::bind(tcp_, reinterpret_cast<sockaddr*>(&here), size), 0);
      EXPECT_EQ(::getsockname(tcp_, reinterpret_cast<sockaddr*>(&here), &size), 0);
      bound = ::bind(udp_, reinterpret_cast<sockaddr*>(&here), size) == 0;
      if (bound) continue;
      ::close(tcp_);
      ::close(udp_);
    }
    EXPECT_EQ(::listen(tcp_, 64), 0);
    const int room = 4 << 20;
    ::setsockopt(udp_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    // For ever: a lookup that was given up may still read them.
    static const std::string conf = file_prefix() + ".resolv", nsswitch = file_prefix() + ".nsswitch";
    std::ofstream(conf) << "nameserver 127.0.0.1\n" << options << "\n";
    std::ofstream(nsswitch) << "hosts: files dns\n";
    gos::rt::lookup_settings_for_tests = {conf.c_str(), nsswitch.c_str(), ntohs(here.sin_port)};
    thread_ = std::thread([this] { serve(); });
  }
  ~dns_server() {
    stop_ = true;
    thread_.join();
    ::close(udp_);
    ::close(tcp_);
    std::remove(gos::rt::lookup_settings_for_tests.resolv_conf);
    std::remove(gos::rt::lookup_settings_for_tests.nsswitch_conf);
    gos::rt::lookup_settings_for_tests = {};
  }
  dns_server(const dns_server&) = delete;
  dns_server& operator=(const dns_server&) = delete;

  // From now on name has this address, IPv4 or IPv6.
  void add(const std::string& name, const std::string& address) {
    const std::lock_guard guard(lock_);
    records_.emplace(name, address);
  }
  // Answers what was held.
  void release() { released_ = true; }
  // How many questions have come, of both families.
  int asked() const { return asked_; }

  // Of names of files of this process.
  static std::string file_prefix() { return testing::TempDir() + "gos-dns-" + std::to_string(::getpid()); }

 private:
  static constexpr int type_a = 1, type_aaaa = 28;
  struct question {
    std::string bytes;  // as it came, header and question
    std::string name;
    int type = 0;
  };
  struct held {
    sockaddr_in to;
    question q;
  };

  static question parse(const std::string& bytes) {
    question q{bytes, {}, 0};
    std::size_t at = 12;
    while (at < bytes.size() && bytes[at] != 0) {
      const auto length = static_cast<unsigned char>(bytes[at]);
      if (!q.name.empty()) q.name += '.';
      q.name += bytes.substr(at + 1, length);
      at += length + 1U;
    }
    if (at + 5 > bytes.size()) return {};
    q.type = static_cast<unsigned char>(bytes[at + 2]);
    q.bytes.resize(at + 5);
    return q;
  }

  static std::string reply(const question& q, int rcode, const std::vector<std::string>& addresses,
                           bool truncated = false) {
    std::string r = q.bytes;
    r[2] = static_cast<char>(0x81 | (truncated ? 2 : 0));
    r[3] = static_cast<char>(0x80 | rcode);
    std::fill(r.begin() + 6, r.begin() + 12, '\0');
    r[7] = static_cast<char>(addresses.size());
    for (const std::string& text : addresses) {
      unsigned char raw[16];
      const bool v4 = q.type == type_a;
      ::inet_pton(v4 ? AF_INET : AF_INET6, text.c_str(), raw);
      r += std::string{'\xc0', 12, 0, static_cast<char>(q.type),     0, 1, 0, 0,
                       0,      60, 0, static_cast<char>(v4 ? 4 : 16)};
      r.append(reinterpret_cast<char*>(raw), v4 ? 4 : 16);
    }
    return r;
  }

  // Empty: nothing is said.
  std::string answer(const question& q, bool tcp) {
    const std::string first = q.name.substr(0, q.name.find_first_of(".-"));
    if (first == "nosuch") return reply(q, 3, {});
    if (first == "servfail") return reply(q, 2, {});
    if (first == "refused") return reply(q, 5, {});
    if (first == "never") return {};
    if (first == "garbage") return "?";
    std::vector<std::string> found;
    if (first == "held" && q.type == type_a) found.push_back("10.0.0.1");
    if (first == "wrongid") {
      std::string r = reply(q, 0, {});
      r[0] = static_cast<char>(r[0] ^ 0x55);
      return r;
    }
    if (first == "big") {
      if (!tcp) return reply(q, 0, {}, true);
      for (int i = 1; i <= 40 && q.type == type_a; ++i) found.push_back("10.0.1." + std::to_string(i));
    }
    const std::lock_guard guard(lock_);
    for (auto [at, end] = records_.equal_range(q.name); at != end; ++at) {
      if ((at->second.find(':') != std::string::npos) == (q.type == type_aaaa)) found.push_back(at->second);
    }
    return reply(q, 0, found);
  }

  void say(const held& to) {
    const std::string text = answer(to.q, false);
    if (!text.empty()) {
      ::sendto(udp_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to.to), sizeof to.to);
    }
  }

  void on_udp() {
    for (;;) {
      char buffer[512];
      held came{};
      socklen_t size = sizeof came.to;
      const auto got =
          ::recvfrom(udp_, buffer, sizeof buffer, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&came.to), &size);
      if (got < 12) return;
      came.q = parse(std::string(buffer, static_cast<std::size_t>(got)));
      ++asked_;
      if (came.q.name.starts_with("held") && !released_) held_.push_back(came);
      else say(came);
    }
  }

  // One question for each connection; nobody here is slow.
  void on_tcp() {
    const int fd = ::accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
    char buffer[512];
    std::string all;
    for (;;) {
      const auto got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      all.append(buffer, static_cast<std::size_t>(got));
      while (all.size() >= 2) {
        const std::size_t length =
            static_cast<unsigned char>(all[0]) * 256U + static_cast<unsigned char>(all[1]);
        if (all.size() < length + 2) break;
        ++asked_;
        const std::string text = answer(parse(all.substr(2, length)), true);
        const std::string framed =
            std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size())} + text;
        static_cast<void>(!::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL));
        all.erase(0, length + 2);
      }
    }
    ::close(fd);
  }

  void serve() {
    while (!stop_) {
      pollfd sockets[2] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
      ::poll(sockets, 2, 5);
      if ((sockets[0].revents & POLLIN) != 0) on_udp();
      if ((sockets[1].revents & POLLIN) != 0) on_tcp();
      if (!released_) continue;
      for (const held& each : held_) say(each);
      held_.clear();
    }
  }

  int udp_ = -1, tcp_ = -1;
  std::atomic<bool> stop_{false}, released_{false};
  std::atomic<int> asked_{0};
  std::vector<held> held_;  // the thread's
  std::mutex lock_;
  std::multimap<std::string, std::string> records_;  // under lock_
  std::thread thread_;
};

}  // namespace gos_test
