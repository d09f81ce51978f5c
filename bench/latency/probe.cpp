// probe: starts the server of the workload, asks it one question after another over loopback, and reports how long the answers
// take; then the server says what it has measured itself, and that is passed on.
//
//   probe SERVER MODE
//
// One connection, 64 bytes, a question each half millisecond. The server has one processor of the machine, the probe the other,
// and turns on it while it waits: what is measured is the server's waking up, not the probe's.
#include <string>
#include <vector>

#include "../bench.hpp"
#include "../server.hpp"

namespace {

using namespace bench;

constexpr std::size_t request_size = 64;
constexpr double pause_seconds = 500e-6;

void wait_until(double when) {
  while (now_seconds() < when) {}
}

// The time until the answer is complete.
double ask(int fd, int number) {
  char request[request_size] = {};
  char answer[request_size];
  std::memcpy(request, &number, sizeof number);
  const double start = now_seconds();
  if (send(fd, request, request_size, MSG_NOSIGNAL) != static_cast<ssize_t>(request_size)) fail("cannot send");
  for (std::size_t received = 0; received < request_size;) {
    const ssize_t n = recv(fd, answer + received, request_size - received, MSG_DONTWAIT);
    if (n > 0) received += static_cast<std::size_t>(n);
    if (n == 0 || (n < 0 && errno != EAGAIN) || now_seconds() > start + 5) fail("no answer");
  }
  const double took = now_seconds() - start;
  if (std::memcmp(request, answer, request_size) != 0) fail("wrong answer");
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: probe SERVER MODE\n");
    return 2;
  }
  const std::vector<int> processors = two_processors();
  running = start(argv + 1, processors.empty() ? -1 : processors[0]);
  if (!processors.empty()) keep_on(processors[1]);
  const int fd = connect_to_server();
  const int questions = std::strcmp(argv[2], "hog") == 0 ? 200 : 3000;  // a slice of 10 ms for each
  std::vector<double> took;
  for (int i = 0; i < questions; ++i) {
    wait_until(now_seconds() + pause_seconds);
    const double seconds = ask(fd, i);
    if (i >= questions / 10) took.push_back(seconds * 1e6);
  }
  close(fd);
  char line[256];
  while (std::fgets(line, sizeof line, running.output) != nullptr) std::fputs(line, stdout);
  int status = 0;
  waitpid(running.pid, &status, 0);
  if (status != 0) fail("the server failed");
  report_percentiles("latency", "socket", took);
  return 0;
}
