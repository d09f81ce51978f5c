// names: hooked lookups of names, in the machine's files and at a name server.
#include "hook.hpp"
#include "dns_server.hpp"

#include <netdb.h>

#include <memory>

namespace {

using namespace gos_test;
using strings = std::vector<std::string>;

struct free_list {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using address_list = std::unique_ptr<addrinfo, free_list>;

int look_up(address_list& to, const char* host, const char* service, const addrinfo* hints = nullptr) {
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(host, service, hints, &found);
  to.reset(result == 0 ? found : nullptr);
  return result;
}

// "10.1.2.3 80 stream", a text for each node.
strings texts(const address_list& list) {
  strings all;
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
    char host[64], service[16];
    EXPECT_EQ(::getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, service, sizeof service,
                            NI_NUMERICHOST | NI_NUMERICSERV),
              0);
    const char* const kind = a->ai_socktype == SOCK_STREAM  ? " stream"
                             : a->ai_socktype == SOCK_DGRAM ? " datagram"
                                                            : " raw";
    all.push_back(std::string(host) + ' ' + service + kind);
    EXPECT_EQ(a->ai_family, a->ai_addr->sa_family);
  }
  return all;
}

TEST(HookedNames, OfThisMachine) {
  on_goroutine([] {
    gos::wait_group all;
    for (int i = 0; i < 20; ++i) {
      all.go([] {
        addrinfo* found = nullptr;
        EXPECT_EQ(::getaddrinfo("localhost", "80", nullptr, &found), 0);
        ::freeaddrinfo(found);
        char host[64];
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::getnameinfo(reinterpret_cast<sockaddr*>(&address), sizeof address, host, sizeof host,
                                nullptr, 0, NI_NUMERICHOST),
                  0);
        EXPECT_STREQ(host, "127.0.0.1");
        hostent entry{};
        hostent* answer = nullptr;
        char buffer[1024];
        int error = 0;
        EXPECT_EQ(::gethostbyname_r("localhost", &entry, buffer, sizeof buffer, &answer, &error), 0);
        EXPECT_NE(answer, nullptr);
      });
    }
    all.wait();
  });
}

class HookedServer : public testing::Test {
 protected:
  void SetUp() override {
    if (!gos::rt::ask_servers_exists) GTEST_SKIP() << "built without c-ares";
  }
};

TEST_F(HookedServer, AnswersAsTheCLibraryWould) {
  dns_server server("options timeout:1 attempts:1");
  server.add("four.test", "10.1.2.3");
  server.add("both.test", "10.1.2.4");
  server.add("both.test", "::1");
  on_goroutine([&] {
    address_list found;
    EXPECT_EQ(look_up(found, "four.test", "80"), 0);
    EXPECT_EQ(texts(found), (strings{"10.1.2.3 80 stream", "10.1.2.3 80 datagram", "10.1.2.3 80 raw"}));
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    EXPECT_EQ(look_up(found, "both.test", nullptr, &hints), 0);
    EXPECT_EQ(texts(found), (strings{"::1 0 stream", "10.1.2.4 0 stream"}));
    hints.ai_family = AF_INET;
    EXPECT_EQ(look_up(found, "both.test", "443", &hints), 0);
    EXPECT_EQ(texts(found), strings{"10.1.2.4 443 stream"});
    hints.ai_family = AF_INET6;
    EXPECT_EQ(look_up(found, "four.test", "443", &hints), EAI_NONAME);
    EXPECT_EQ(look_up(found, "nosuch.test", "443"), EAI_NONAME);
    EXPECT_EQ(look_up(found, "servfail.test", "443"), EAI_AGAIN);
    hints = {};
    hints.ai_flags = AI_CANONNAME;
    hints.ai_socktype = SOCK_STREAM;
    EXPECT_EQ(look_up(found, "four.test.", nullptr, &hints), 0);
    EXPECT_STREQ(found->ai_canonname, "four.test");
    const int asked = server.asked();
    EXPECT_EQ(look_up(found, "four.test", "no-such-service"), EAI_SERVICE);
    hints = {};
    hints.ai_family = AF_UNIX;
    EXPECT_EQ(look_up(found, "four.test", "80", &hints), EAI_FAMILY);
    EXPECT_EQ(look_up(found, "127.1", "80"), 0);
    EXPECT_EQ(server.asked(), asked);
  });
}

TEST_F(HookedServer, EntriesAreLaidIntoTheCallersBuffer) {
  dns_server server("options timeout:1 attempts:1");
  server.add("four.test", "10.1.2.3");
  server.add("four.test", "10.1.2.4");
  server.add("six.test", "::2");
  const std::string hosts = server.file_prefix() + ".hosts";
  std::ofstream(hosts) << "10.9.8.7 filed.test also.test\n";
  ::setenv("CARES_HOSTS", hosts.c_str(), 1);
  on_goroutine([&] {
    hostent entry{};
    hostent* found = nullptr;
    alignas(8) char buffer[512];
    int error = 0;
    const auto by_name = [&](const char* name, int family, std::size_t size) {
      found = &entry;
      return ::gethostbyname2_r(name, family, &entry, buffer + 1, size, &found, &error);
    };
    EXPECT_EQ(by_name("four.test", AF_INET, 500), 0);
    ASSERT_EQ(found, &entry);
    EXPECT_STREQ(entry.h_name, "four.test");
    EXPECT_EQ(entry.h_aliases[0], nullptr);
    EXPECT_EQ(entry.h_addrtype, AF_INET);
    EXPECT_EQ(std::string(entry.h_addr_list[0], 4), std::string("\x0a\x01\x02\x03"));
    EXPECT_EQ(std::string(entry.h_addr_list[1], 4), std::string("\x0a\x01\x02\x04"));
    EXPECT_EQ(entry.h_addr_list[2], nullptr);
    EXPECT_EQ(by_name("six.test", AF_INET6, 500), 0);
    EXPECT_EQ(entry.h_length, 16);
    EXPECT_EQ(entry.h_addr_list[0][15], 2);
    EXPECT_EQ(::gethostbyname_r("also.test", &entry, buffer, sizeof buffer, &found, &error), 0);
    ASSERT_EQ(found, &entry);
    EXPECT_STREQ(entry.h_name, "filed.test");
    EXPECT_STREQ(entry.h_aliases[0], "also.test");

    std::size_t size = 0;  // as its callers find out how much is enough
    while (by_name("four.test", AF_INET, size) == ERANGE && size < 500) {
      EXPECT_EQ(found, nullptr);
      EXPECT_EQ(error, NETDB_INTERNAL);
      ++size;
    }
    EXPECT_EQ(found, &entry);
    EXPECT_GT(size, 40U);
    EXPECT_LT(size, 80U);
    EXPECT_EQ(by_name("nosuch.test", AF_INET, 500), 0);
    EXPECT_EQ(found, nullptr);
    EXPECT_EQ(error, HOST_NOT_FOUND);
    EXPECT_EQ(by_name("servfail.test", AF_INET, 500), EAGAIN);
    EXPECT_EQ(error, TRY_AGAIN);
  });
  ::unsetenv("CARES_HOSTS");
  std::remove(hosts.c_str());
}

TEST_F(HookedServer, ThatIsSlowHoldsNoThreads) {
  dns_server server("options timeout:20 attempts:2");
  on_goroutine([&] {
    const int before = thread_count();
    const int count = live(200);
    std::atomic<int> right{0};
    gos::wait_group all;
    for (int i = 0; i < count; ++i) {
      all.go([&, i] {
        address_list found;
        addrinfo hints{};
        hints.ai_family = AF_INET;
        hints.ai_socktype = SOCK_STREAM;
        right += look_up(found, ("held-" + std::to_string(i) + ".test").c_str(), "80", &hints) == 0 &&
                 texts(found).size() == 1;
      });
    }
    EXPECT_TRUE(eventually([&] { return server.asked() >= count; }));
    EXPECT_LE(thread_count(), few_more(before) + 30);
    server.release();
    all.wait();
    EXPECT_EQ(right, count);
  });
}

}  // namespace
