// load: starts an echo server, loads it over loopback and reports what a request costs the server.
//
//   load [-c CONNECTIONS] SERVER [ARGUMENTS...]
//
// 100 connections, each with one request of 64 bytes under way; every answer is compared with its request. One thread,
// plain epoll, the same for every server. Where there are two processors the server is kept on one and the load on the
// other, so that the server is saturated and its processor time is spent on requests and not on waking up.
// What counts is `cpu`: user and system time of the server process per request. Requests per second and latency are
// reported too, but at saturation they say the same thing less exactly.
// The server must print `port N`; it is ended when the measurement is over.
#include <fcntl.h>
#include <sys/epoll.h>

#include <vector>

#include "../bench.hpp"
#include "../server.hpp"

namespace {

using namespace bench;

constexpr std::size_t request_size = 64;
constexpr int latency_us_max = 100'000;

struct connection {
  int fd = -1;
  std::uint64_t sent = 0;    // how many requests so far; part of the next one's text
  std::size_t received = 0;  // bytes of the current answer
  double sent_at = 0;
  char request[request_size] = {};
  char answer[request_size] = {};
};

double server_cpu_seconds() {
  timespec used{};
  if (clock_gettime(running.cpu_clock, &used) != 0) fail("the server has ended");
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

void open_connection(connection& conn, int poller, std::size_t index) {
  conn.fd = connect_to_server();
  fcntl(conn.fd, F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = index;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, conn.fd, &event) != 0) fail("epoll_ctl");
}

void send_request(connection& conn, std::size_t index, double now) {
  ++conn.sent;
  std::memset(conn.request, static_cast<int>('a' + (index + conn.sent) % 26), request_size);
  std::memcpy(conn.request, &conn.sent, sizeof conn.sent);
  std::memcpy(conn.request + sizeof conn.sent, &index, sizeof index);
  conn.received = 0;
  conn.sent_at = now;
  if (send(conn.fd, conn.request, request_size, MSG_NOSIGNAL) != static_cast<ssize_t>(request_size))
    fail("cannot send");
}

// True when the answer is complete.
bool receive_answer(connection& conn) {
  const ssize_t n = recv(conn.fd, conn.answer + conn.received, request_size - conn.received, 0);
  if (n <= 0) fail("the server closed a connection");
  conn.received += static_cast<std::size_t>(n);
  if (conn.received < request_size) return false;
  if (std::memcmp(conn.answer, conn.request, request_size) != 0) fail("wrong answer");
  return true;
}

struct tally {
  std::uint64_t requests = 0;
  std::vector<std::uint64_t> by_latency_us = std::vector<std::uint64_t>(latency_us_max, 0);

  double percentile_us(double part) const {
    std::uint64_t left = static_cast<std::uint64_t>(static_cast<double>(requests) * part);
    for (std::size_t us = 0; us < by_latency_us.size(); ++us) {
      if (by_latency_us[us] > left) return static_cast<double>(us) + 0.5;
      left -= by_latency_us[us];
    }
    return latency_us_max;
  }
};

// Keeps every connection busy for the given time.
tally drive(std::vector<connection>& connections, int poller, double seconds) {
  tally seen;
  epoll_event events[256];
  double now = bench::now_seconds();
  const double end = now + seconds;
  while (now < end) {
    const int ready = epoll_wait(poller, events, 256, 5000);
    if (ready == 0) fail("no answer for 5 s");
    now = bench::now_seconds();
    for (int i = 0; i < ready; ++i) {
      connection& conn = connections[events[i].data.u64];
      if (!receive_answer(conn)) continue;
      const double us = (now - conn.sent_at) * 1e6;
      ++seen.by_latency_us[static_cast<std::size_t>(std::clamp(us, 0.0, latency_us_max - 1.0))];
      ++seen.requests;
      send_request(conn, events[i].data.u64, now);
    }
  }
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t connection_count = 100;
  int at = 1;
  if (argc > 2 && std::strcmp(argv[1], "-c") == 0) {
    connection_count = static_cast<std::size_t>(std::max(1, std::atoi(argv[2])));
    at = 3;
  }
  if (at >= argc) {
    std::fprintf(stderr, "usage: load [-c CONNECTIONS] SERVER [ARGUMENTS...]\n");
    return 2;
  }
  const std::vector<int> processors = two_processors();
  running = start(argv + at, processors.empty() ? -1 : processors[0]);
  if (!processors.empty()) keep_on(processors[1]);

  const int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) fail("epoll_create1");
  std::vector<connection> connections(connection_count);
  for (std::size_t i = 0; i < connection_count; ++i) open_connection(connections[i], poller, i);
  for (std::size_t i = 0; i < connection_count; ++i) send_request(connections[i], i, bench::now_seconds());

  const double seconds = bench::positive_from_environment("BENCH_SECONDS", 0.4) * 4;
  drive(connections, poller, seconds / 4);
  const double cpu_before = server_cpu_seconds();
  const double start_time = bench::now_seconds();
  const tally seen = drive(connections, poller, seconds);
  const double wall = bench::now_seconds() - start_time;
  const double cpu = server_cpu_seconds() - cpu_before;

  kill(running.pid, SIGKILL);
  waitpid(running.pid, nullptr, 0);
  const double requests = static_cast<double>(seen.requests);
  bench::report("echo", "cpu", cpu * 1e6 / requests, "us");
  bench::report("echo", "rate", requests / wall, "1/s");
  bench::report("echo", "p50", seen.percentile_us(0.50), "us");
  bench::report("echo", "p99", seen.percentile_us(0.99), "us");
  return 0;
}
