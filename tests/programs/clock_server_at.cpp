// clock_server_at: examples/clock_server.cpp with an address and a period to choose, and somebody to ask.
//
//   clock_server_at ADDRESS [PERIOD_MS [read]]
//
// Prints the address it listens on, and for each line on its standard input how many goroutines there are. With `read` it
// says nothing and waits for its clients to speak instead.
#include <gossamer/gossamer.hpp>
#include <gossamer/net.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

namespace {

std::string time_of_day() {
  std::time_t now = std::time(nullptr);
  std::tm parts;
  localtime_r(&now, &parts);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%T\n", &parts)};
}

void serve(gos::net::tcp_conn conn, std::chrono::milliseconds period) {
  while (conn.write_all(time_of_day())) gos::sleep(period);
}

void wait_for_words(gos::net::tcp_conn conn) {
  char word;
  for (;;) {
    const auto n = conn.read_some(std::span<char>(&word, 1));
    if (!n || *n == 0) return;
  }
}

void answer_questions() {
  for (std::string line; std::getline(std::cin, line);) {
    std::printf("%zu goroutines\n", gos::runtime::num_goroutine());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "127.0.0.1:0";
  const std::chrono::milliseconds period(argc > 2 ? std::atol(argv[2]) : 1000);
  const bool read = argc > 3;
  return gos::run([&]() -> int {
    auto listener = gos::net::listen("tcp", address);
    if (!listener) {
      std::fprintf(stderr, "listen: %s\n", listener.error().message().c_str());
      return 1;
    }
    std::printf("listening on %s\n", listener->address().to_string().c_str());
    std::fflush(stdout);
    gos::go(answer_questions);
    for (;;) {
      auto conn = listener->accept();
      if (!conn) {
        std::fprintf(stderr, "accept: %s\n", conn.error().message().c_str());
        continue;
      }
      if (read) gos::go(wait_for_words, std::move(*conn));
      else gos::go(serve, std::move(*conn), period);
    }
  });
}
