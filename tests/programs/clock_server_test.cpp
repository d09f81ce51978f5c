// The clock server, answered to real clients: nc, killed clients, addresses that cannot be served, ten thousand idle
// connections.
#include "child.hpp"
#include "fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <regex>

using namespace gos_test;

namespace {

std::string netcat() {
  for (const char* path : {"/usr/bin/nc", "/bin/nc"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

// Whole lines so far.
long line_count(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

bool are_times(const std::string& text) {
  return std::regex_match(text, std::regex("([0-2][0-9]:[0-5][0-9]:[0-6][0-9]\n)*"));
}

// The port in "listening on 127.0.0.1:12345".
std::string port_of(child& server) {
  if (!server.read_until("\n")) return {};
  const std::string line = server.out().substr(0, server.out().find('\n'));
  EXPECT_TRUE(line.starts_with("listening on ")) << line;
  return line.substr(line.rfind(':') + 1);
}

// Asks clock_server_at how many goroutines it has.
int goroutines_of(child& server) {
  const auto answers = line_count(server.out());
  server.write("how many?\n");
  if (!server.read_until([=](const child& c) { return line_count(c.out()) > answers; })) return -1;
  const auto last = server.out().rfind('\n', server.out().size() - 2);
  return std::atoi(server.out().c_str() + last + 1);
}

// A socket that listens on the port, or -1 when somebody else does.
int take_port(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 1) == 0)
    return fd;
  ::close(fd);
  return -1;
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

// Three clients at once, each of which must get lines of its own, one a second.
void three_clients(const std::string& host, const std::string& port) {
  const auto from = std::chrono::steady_clock::now();
  child first(netcat(), {host, port}), second(netcat(), {host, port}), third(netcat(), {host, port});
  for (child* client : {&first, &second, &third}) {
    EXPECT_TRUE(client->read_until([](const child& c) { return line_count(c.out()) >= 3; })) << client->err();
    EXPECT_TRUE(are_times(client->out())) << client->out();
  }
  const auto took = std::chrono::steady_clock::now() - from;
  EXPECT_GE(took, 1900ms);
  EXPECT_LT(took, scaled(10s));
  // The first was read first; what the others got meanwhile has been waiting in their pipes.
  EXPECT_LE(line_count(third.out()), 4 + took / 1s);
}

TEST(ClockServer, three_clients_at_once) {
  if (netcat().empty()) GTEST_SKIP() << "no nc on this machine (Debian: netcat-openbsd)";
  child server("programs_clock_server_at", {"localhost:0"});
  const std::string port = port_of(server);
  ASSERT_FALSE(port.empty());
  three_clients("localhost", port);
}

TEST(ClockServer, the_example_on_its_own_port) {
  if (netcat().empty()) GTEST_SKIP() << "no nc on this machine (Debian: netcat-openbsd)";
  const int free = take_port(9000);
  if (free < 0) GTEST_SKIP() << "port 9000 is taken";
  ::close(free);
  child server("clock_server");
  ASSERT_TRUE(eventually([] {
    const int fd = connect_to(9000);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  }));
  three_clients("localhost", "9000");
}

TEST(ClockServer, a_killed_client_ends_its_goroutine) {
  if (netcat().empty()) GTEST_SKIP() << "no nc on this machine (Debian: netcat-openbsd)";
  child server("programs_clock_server_at", {"127.0.0.1:0", "50"});
  const std::string port = port_of(server);
  ASSERT_FALSE(port.empty());
  const int alone = goroutines_of(server);
  EXPECT_EQ(alone, 2);  // Main, and the one that answers.
  child stays(netcat(), {"127.0.0.1", port});
  ASSERT_TRUE(stays.read_until("\n"));
  {
    child killed(netcat(), {"127.0.0.1", port});
    ASSERT_TRUE(killed.read_until("\n"));
    EXPECT_EQ(goroutines_of(server), alone + 2);
    killed.kill(SIGKILL);
    EXPECT_TRUE(eventually([&] { return goroutines_of(server) == alone + 1; }));
  }
  // The other one is served on.
  const auto lines = line_count(stays.out());
  EXPECT_TRUE(stays.read_until([=](const child& c) { return line_count(c.out()) > lines + 2; }));
  server.kill(SIGINT);
  EXPECT_EQ(server.wait().signal, SIGINT);
}

TEST(ClockServer, an_address_that_cannot_be_served) {
  const int holder = take_port(0);
  ASSERT_GE(holder, 0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(holder, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string in_use = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  for (const std::string& bad :
       {in_use, std::string("localhost:99999"), std::string("localhost"), std::string("300.1.1.1:80"),
        std::string("192.0.2.1:80"), std::string("127.0.0.1:http:80"), std::string(":::")}) {
    const auto r = run_child("programs_clock_server_at", {bad});
    EXPECT_EQ(r.status, 1) << bad << '\n' << r;
    EXPECT_EQ(r.out, "") << bad << '\n' << r;
    EXPECT_EQ(line_count(r.err), 1) << bad << '\n' << r;
    EXPECT_TRUE(r.err.starts_with("listen: ")) << bad << '\n' << r;
    if (bad == in_use) {
      EXPECT_NE(r.err.find("address already in use"), std::string::npos) << r;
      EXPECT_NE(r.err.find(in_use), std::string::npos) << r;
    }
  }
  ::close(holder);
}

TEST(ClockServer, the_example_says_that_its_port_is_in_use) {
  const int holder = take_port(9000);
  if (holder < 0) GTEST_SKIP() << "port 9000 is taken";
  const auto r = run_child("clock_server");
  ::close(holder);
  EXPECT_EQ(r.status, 1) << r;
  EXPECT_EQ(r.out, "") << r;
  EXPECT_EQ(line_count(r.err), 1) << r;
  EXPECT_NE(r.err.find("address already in use"), std::string::npos) << r;
}

// n connections held open by the server, and what each costs it.
void idle_connections(const std::vector<std::string>& extra_arguments) {
  const int n = sanitized || slow_machine() ? 500 : 10'000;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < static_cast<rlim_t>(n) + 100) {
    GTEST_SKIP() << "the hard limit of open files is " << limit.rlim_max << ", " << n + 100 << " are needed";
  }
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);  // The server inherits it.
  time_limit(120s);

  std::vector<std::string> arguments{"127.0.0.1:0"};
  arguments.insert(arguments.end(), extra_arguments.begin(), extra_arguments.end());
  child server("programs_clock_server_at", arguments);
  const std::string port = port_of(server);
  ASSERT_FALSE(port.empty());
  const int alone = goroutines_of(server);
  auto cost = [&] { return status_kib("VmRSS", server.pid()) + status_kib("VmPTE", server.pid()); };
  std::vector<int> clients;
  auto connect_until = [&](int count) {
    while (static_cast<int>(clients.size()) < count) {
      const int fd = connect_to(static_cast<std::uint16_t>(std::stoi(port)));
      if (fd < 0) return false;
      clients.push_back(fd);
    }
    return eventually([&] { return goroutines_of(server) == alone + count; }, 60s);
  };
  // The first few pay for what is needed once.
  ASSERT_TRUE(connect_until(n / 20));
  const long before = cost();
  ASSERT_TRUE(connect_until(n));
  const double each = static_cast<double>(cost() - before) / (n - n / 20);
  std::printf("%d idle connections, %.2f KiB each\n", n, each);
  if (!sanitized && !slow_machine()) { EXPECT_LT(each, 8.0); }
  for (int fd : clients) ::close(fd);
}

TEST(ClockServer, ten_thousand_idle_connections) { idle_connections({"3600000"}); }

TEST(ClockServer, ten_thousand_silent_connections) { idle_connections({"3600000", "read"}); }

}  // namespace
