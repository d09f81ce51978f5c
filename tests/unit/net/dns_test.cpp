// dns: lookups by c-ares against a server that answers, late, wrong or not at all; sharing, giving up; and dial with addresses of
// both kinds.
#include "net_fixture.hpp"
#include "dns_server.hpp"

#include <fcntl.h>
#include <sys/resource.h>

namespace {

using namespace gos_test;
namespace net = gos::net;
using strings = std::vector<std::string>;

class Dns : public testing::Test {
 protected:
  void SetUp() override {
    if (!gos::rt::ask_servers_exists) GTEST_SKIP() << "built without c-ares";
  }
};
using DialBoth = Dns;

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) ++count;
  }
  return count;
}

TEST_F(Dns, Answers) {
  dns_server server;
  server.add("four.test", "10.1.2.3");
  server.add("both.test", "10.1.2.4");
  server.add("both.test", "::1");
  on_thread_and_goroutine([] {
    EXPECT_EQ(must(net::lookup_host("four.test")), strings{"10.1.2.3"});
    EXPECT_EQ(must(net::lookup_host("four.test.")), strings{"10.1.2.3"});
    EXPECT_EQ(must(net::lookup_host("both.test")), (strings{"::1", "10.1.2.4"}));
  });
}

TEST_F(Dns, Errors) {
  dns_server server("options timeout:1 attempts:1");
  gos::run([&] {
    const auto why = [](const char* name) { return message_of(net::lookup_host(name)); };
    EXPECT_EQ(why("nosuch.test"), "lookup nosuch.test: no such host");
    EXPECT_EQ(why("empty.test"), "lookup empty.test: no such host");
    EXPECT_EQ(why("servfail.test"), "lookup servfail.test: server misbehaving");
    EXPECT_EQ(why("refused.test"), "lookup refused.test: server misbehaving");
    EXPECT_EQ(net::lookup_host("nosuch.test").error(), gos::io_errc::no_such_host);
    EXPECT_EQ(message_of(net::dial("tcp", "nosuch.test:1")), "dial tcp: lookup nosuch.test: no such host");
    // Who does not answer, or not us.
    const int asked = server.asked();
    gos::wait_group all;
    for (const char* name : {"never.test", "garbage.test", "wrongid.test"}) {
      all.go([=] {
        const auto before = std::chrono::steady_clock::now();
        const auto r = net::lookup_host(name);
        EXPECT_EQ(message_of(r), "lookup " + std::string(name) + ": i/o timeout");
        EXPECT_EQ(r.error(), std::errc::timed_out);
        EXPECT_GE(std::chrono::steady_clock::now() - before, 900ms);
      });
    }
    EXPECT_TRUE(eventually([&] { return server.asked() >= asked + 6; }));
    gos::rt::lookup_settings_for_tests.port = 1;  // nobody there
    EXPECT_EQ(message_of(net::lookup_host("four.test")), "lookup four.test: connection refused");
    all.wait();
  });
}

TEST_F(Dns, TruncatedAnswersComeByTcp) {
  dns_server server;
  on_thread_and_goroutine([] { EXPECT_EQ(must(net::lookup_host("big.test")).size(), 40U); });
}

TEST_F(Dns, TheHostsFileComesFirst) {
  dns_server server;
  const std::string hosts = server.file_prefix() + ".hosts";
  std::ofstream(hosts) << "10.9.8.7 filed.test also.test\n";
  ::setenv("CARES_HOSTS", hosts.c_str(), 1);
  EXPECT_EQ(must(net::lookup_host("filed.test")), strings{"10.9.8.7"});
  EXPECT_EQ(must(net::lookup_host("also.test")), strings{"10.9.8.7"});
  EXPECT_EQ(server.asked(), 0);
  ::unsetenv("CARES_HOSTS");
  std::remove(hosts.c_str());
}

TEST_F(Dns, LookupsAreGivenUp) {
  dns_server server;
  on_thread_and_goroutine([] {
    const auto [soon, end] = gos::with_timeout(gos::background(), 10ms);
    const auto late = net::lookup_host("never.test", soon);
    EXPECT_EQ(message_of(late), "lookup never.test: i/o timeout");
    EXPECT_EQ(late.error().code(), gos::context_errc::deadline_exceeded);
    EXPECT_TRUE(blocked("IO wait", 0)) << "nobody asks any more";
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    gos::go([cancel = cancel] {
      EXPECT_TRUE(blocked("IO wait")) << "who asks the server";
      cancel();
    });
    const auto r = net::dial("tcp", "never.test:80", ctx);
    EXPECT_EQ(message_of(r), "dial tcp: lookup never.test: operation was canceled");
    EXPECT_EQ(r.error().code(), ctx.err());
    EXPECT_EQ(message_of(net::lookup_host("four.test", ctx)), "lookup four.test: operation was canceled");
  });
}

TEST_F(Dns, WhoAsksTheSameSharesTheQuestion) {
  dns_server server;
  gos::run([&] {
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    gos::wait_group all;
    for (int i = 0; i < 20; ++i) {
      all.go([&, impatient = i % 2 == 0] {
        const auto r = impatient ? net::lookup_host("held.test", ctx) : net::lookup_host("held.test");
        EXPECT_EQ(r.has_value(), !impatient) << message_of(r);
      });
    }
    ASSERT_TRUE(blocked("select", 20));
    cancel();
    ASSERT_TRUE(blocked("select", 10));
    EXPECT_TRUE(eventually([&] { return server.asked() == 2; }));  // one for each family
    server.release();
    all.wait();
    EXPECT_EQ(server.asked(), 2);
    EXPECT_EQ(must(net::lookup_host("held.test")), strings{"10.0.0.1"});  // nothing is kept
    EXPECT_EQ(server.asked(), 4);
  });
}

TEST_F(Dns, AThousandAtOnceHoldNoThreads) {
  dns_server server("options timeout:20 attempts:2");
  must(net::listen("tcp", "127.0.0.1:0"));  // raises the limit
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int count = static_cast<int>(
      std::min<rlim_t>(static_cast<rlim_t>(live(1000)) / (tsan ? 4 : 1), (limit.rlim_cur - 200) / 3));
  gos::run([&] {
    const int before = open_descriptors();
    gos::wait_group all;
    std::atomic<int> found{0};
    for (int i = 0; i < count; ++i) {
      all.go([&, i] {
        found += must(net::lookup_host("held-" + std::to_string(i) + ".test")).size() == 1 ? 1 : 0;
      });
    }
    EXPECT_TRUE(eventually([&] { return server.asked() >= 2 * count; }, 30s));
    EXPECT_LE(status_kib("Threads"), gos::runtime::max_procs() + 60);
    server.release();
    all.wait();
    EXPECT_EQ(found, count);
    EXPECT_LE(open_descriptors(), before);
  });
}

TEST_F(Dns, OutOfDescriptorsIsSaid) {
  dns_server server;
  must(net::listen("tcp", "127.0.0.1:0"));
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{0, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const std::string why = message_of(net::lookup_host("four.test"));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(why, "lookup four.test: too many open files");
}

// --- what the machine's files say

TEST(LookupSettings, SomeSourcesAreTheSystemsOwn) {
  using gos::rt::is_for_system;
  for (const char* fine :
       {"", "hosts: files dns", "passwd: sss\nhosts:files   dns # ldap",
        "hosts: files resolve [!UNAVAIL=return] dns", "hosts: files [ NOTFOUND=return ] dns"}) {
    EXPECT_FALSE(is_for_system("example.org", fine, "me")) << fine;
  }
  for (const char* other : {"hosts: files ldap dns", "  hosts:\tsss", "hosts: files dns mymachines"}) {
    EXPECT_TRUE(is_for_system("example.org", other, "me")) << other;
  }
  const char* desktop = "hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname";
  EXPECT_FALSE(is_for_system("example.org", desktop, "me"));
  EXPECT_TRUE(is_for_system("printer.local", desktop, "me"));
  EXPECT_TRUE(is_for_system("PRINTER.LOCAL.", desktop, "me"));
  EXPECT_TRUE(is_for_system("ME", desktop, "me"));
}

TEST(LookupSettings, PatienceIsRead) {
  gos::rt::server_patience p;
  gos::rt::read_resolv_conf("nameserver 1.1.1.1\n# options timeout:9\n", p);
  EXPECT_EQ(p.timeout_s, 5);
  EXPECT_EQ(p.attempts, 2);
  gos::rt::read_resolv_conf("options ndots:2 timeout:3\noptions attempts:1000 timeout:x", p);
  EXPECT_EQ(p.timeout_s, 3);
  EXPECT_EQ(p.attempts, 30);
  gos::rt::read_options("timeout:0", p);
  EXPECT_EQ(p.timeout_s, 1);
}

// --- dial with addresses of both kinds

// An address that accepts, or that answers nobody: its queue is full.
class target {
 public:
  target(const std::string& host, std::uint16_t port, bool silent) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    const bool v6 = host.find(':') != std::string::npos;
    six.sin6_family = AF_INET6, four.sin_family = AF_INET;
    six.sin6_port = four.sin_port = htons(port);
    ::inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(),
                v6 ? static_cast<void*>(&six.sin6_addr) : static_cast<void*>(&four.sin_addr));
    sockaddr* const address = v6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
    socklen_t size = v6 ? sizeof six : sizeof four;
    const int family = v6 ? AF_INET6 : AF_INET;
    listener_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    good_ = ::bind(listener_, address, size) == 0 && ::listen(listener_, silent ? 0 : 64) == 0;
    ::getsockname(listener_, address, &size);
    port_ = ntohs(v6 ? six.sin6_port : four.sin_port);
    for (int i = 0; i < 4 && silent && good_; ++i) {
      callers_.push_back(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(callers_.back(), address, size);
    }
    pollfd queue{listener_, POLLIN, 0};
    if (silent && good_) { EXPECT_EQ(::poll(&queue, 1, static_cast<int>(scaled(20s).count())), 1); }
  }
  ~target() {
    for (const int fd : callers_) ::close(fd);
    ::close(listener_);
  }
  target(const target&) = delete;
  target& operator=(const target&) = delete;
  bool good() const { return good_; }
  std::uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  std::vector<int> callers_;
  bool good_ = false;
  std::uint16_t port_ = 0;
};

// Both on one port, which somebody else may have.
struct pair_of_targets {
  std::optional<target> first, second;
  pair_of_targets(const std::string& first_host, bool first_silent, const std::string& second_host,
                  bool second_silent) {
    for (int tries = 0; tries < 20; ++tries) {
      first.emplace(first_host, 0, first_silent);
      second.emplace(second_host, first->port(), second_silent);
      if (!first->good() || second->good()) return;
    }
  }
  std::string where(const std::string& name) const { return name + ':' + std::to_string(first->port()); }
};

TEST_F(DialBoth, TheSecondKindIsTriedAfterTheHeadStart) {
  dns_server server;
  server.add("both.test", "::1");
  server.add("both.test", "127.0.0.1");
  gos::run([] {
    const pair_of_targets targets("::1", true, "127.0.0.1", false);
    if (!targets.first->good()) GTEST_SKIP() << "no IPv6 here";
    must(net::lookup_host("both.test"));
    const int before = open_descriptors();
    const auto begin = std::chrono::steady_clock::now();
    {
      const auto conn = must(net::dial("tcp", targets.where("both.test")));
      EXPECT_EQ(conn.remote_address().host(), "127.0.0.1");
      EXPECT_GE(std::chrono::steady_clock::now() - begin, 250ms);
      EXPECT_EQ(open_descriptors(), before + 1);
    }
    // The other way round there is nothing to wait for, and with one kind no race.
    const auto six =
        net::dial("tcp6", targets.where("both.test"), gos::with_timeout(gos::background(), 20ms).ctx);
    EXPECT_EQ(six.error(), std::errc::timed_out);
    EXPECT_EQ(must(net::dial("tcp4", targets.where("both.test"))).remote_address().host(), "127.0.0.1");
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST_F(DialBoth, AtOnceWhenTheFirstKindHasFailed) {
  dns_server server;
  server.add("both.test", "::1");
  server.add("both.test", "127.0.0.1");
  server.add("unreachable.test", "100::1");  // a prefix that leads nowhere
  server.add("unreachable.test", "127.0.0.1");
  gos::run([] {
    auto listener = must(net::listen("tcp4", "127.0.0.1:0"));
    const std::string port = ':' + std::to_string(listener.address().port());
    for (const char* name : {"both.test", "unreachable.test"}) {
      EXPECT_EQ(must(net::dial("tcp", name + port)).remote_address().host(), "127.0.0.1");
    }
    must(listener.close());
    // The error is the first one's.
    const std::string why = message_of(net::dial("tcp", "both.test" + port));
    EXPECT_TRUE(why == "dial tcp [::1]" + port + ": connect: connection refused" ||
                why == "dial tcp 127.0.0.1" + port + ": connect: connection refused")
        << why;
  });
}

TEST_F(DialBoth, CancellingEndsBoth) {
  dns_server server;
  server.add("both.test", "::1");
  server.add("both.test", "127.0.0.1");
  gos::run([] {
    const pair_of_targets targets("::1", true, "127.0.0.1", true);
    if (!targets.first->good()) GTEST_SKIP() << "no IPv6 here";
    must(net::lookup_host("both.test"));
    const int before = open_descriptors();
    const auto [ctx, cancel] = gos::with_timeout(gos::background(), 300ms);
    const auto r = net::dial("tcp", targets.where("both.test"), ctx);
    EXPECT_EQ(message_of(r), "dial tcp [::1]:" + std::to_string(targets.first->port()) + ": i/o timeout");
    EXPECT_EQ(r.error().code(), ctx.err());
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST_F(DialBoth, AnAddressThatIsSilentLeavesTimeForTheNext) {
  dns_server server;
  server.add("two.test", "127.0.0.2");
  server.add("two.test", "127.0.0.3");
  gos::run([] {
    const pair_of_targets targets("127.0.0.2", true, "127.0.0.3", false);
    const auto [soon, end] = gos::with_timeout(gos::background(), 2100ms);
    EXPECT_EQ(must(net::dial("tcp", targets.where("two.test"), soon)).remote_address().host(), "127.0.0.3");
    EXPECT_FALSE(soon.err());
  });
}

}  // namespace
