// A TCP echo server: a goroutine per connection, one read and one write per request. Says `port N` and serves until it
// is ended; load.cpp does the measuring.
#include <gossamer/gossamer.hpp>
#include <gossamer/net.hpp>

#include <cstdio>

namespace {

void serve(gos::net::tcp_conn conn) {
  char buffer[4096];
  for (;;) {
    const auto n = conn.read_some(std::span<char>(buffer));
    if (!n || *n == 0) return;
    if (!conn.write_all(std::string_view(buffer, *n))) return;
  }
}

}  // namespace

int main() {
  return gos::run([]() -> int {
    auto listener = gos::net::listen("tcp", "127.0.0.1:0");
    if (!listener) {
      std::fprintf(stderr, "%s\n", listener.error().message().c_str());
      return 1;
    }
    std::printf("port %d\n", static_cast<int>(listener->address().port()));
    std::fflush(stdout);
    for (;;) {
      auto conn = listener->accept();
      if (!conn) {
        std::fprintf(stderr, "%s\n", conn.error().message().c_str());
        return 1;
      }
      gos::go(serve, std::move(*conn));
    }
  });
}
