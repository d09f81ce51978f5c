// resolve: from texts to endpoints, without and with the system's resolver; the words for what is wrong (NF-18).
#include "net_fixture.hpp"

#include "net/resolve.hpp"

namespace {

using namespace gos_test;

std::string why(std::string_view network, std::string_view address) {
  const auto t = gos::rt::resolve_address("listen", network, address, gos::background());
  return t ? "(" + t->endpoints.front().to_string() + ")" : t.error().message();
}

TEST(Resolve, KnowsLiteralsAndLocalhost) {
  on_thread_and_goroutine([] {
    EXPECT_EQ(why("tcp", "127.0.0.1:80"), "(127.0.0.1:80)");
    EXPECT_EQ(why("tcp", "localhost:9000"), "(127.0.0.1:9000)");
    EXPECT_EQ(why("tcp6", "localhost:9000"), "([::1]:9000)");
    EXPECT_EQ(why("tcp", "LocalHost:9000"), "(127.0.0.1:9000)");
    EXPECT_EQ(why("tcp", ":9000"), "([::]:9000)");
    EXPECT_EQ(why("tcp4", ":9000"), "(0.0.0.0:9000)");
    EXPECT_EQ(why("tcp", ""), "([::]:0)");
  });
}

TEST(Resolve, SaysWhatIsWrong) {
  on_thread_and_goroutine([] {
    EXPECT_EQ(why("tcp", "12345"), "listen tcp: address 12345: missing port in address");
    EXPECT_EQ(why("tcp", "127.0.0.1:99999"), "listen tcp: address 99999: invalid port");
    EXPECT_EQ(why("tcp", "a:b:c"), "listen tcp: address a:b:c: too many colons in address");
    EXPECT_EQ(why("foo", "127.0.0.1:1"), "listen foo: unknown network foo");
    EXPECT_EQ(why("tcp", "127.0.0.1:nosuchservice"), "listen tcp: lookup tcp/nosuchservice: unknown port");
    EXPECT_EQ(why("tcp4", "[::1]:80"), "listen tcp4: lookup ::1: no such host");
  });
}

// Whether the machine has a name server or not, a name that cannot exist is an error that names it.
TEST(Resolve, FailsForNamesThatDoNotExist) {
  time_limit(180s);  // a name server that does not answer
  on_thread_and_goroutine([] {
    const auto found = gos::net::lookup_host("no-such-host.invalid");
    ASSERT_FALSE(found);
    EXPECT_TRUE(found.error().message().starts_with("lookup no-such-host.invalid: ")) << found.error().message();
    EXPECT_FALSE(gos::net::lookup_host(""));
  });
}

TEST(Resolve, LooksUpHosts) {
  on_thread_and_goroutine([] {
    EXPECT_EQ(must(gos::net::lookup_host("10.1.2.3")), std::vector<std::string>{"10.1.2.3"});
    EXPECT_EQ(must(gos::net::lookup_host("localhost")).front(), "127.0.0.1");
  });
}

}  // namespace
