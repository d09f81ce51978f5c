// The hello server of http::server. Says `port N` and serves until it is ended; load.py does the measuring.
#include <gossamer/gossamer.hpp>
#include <gossamer/http.hpp>

#include <cstdio>

int main() {
  return gos::run([]() -> int {
    auto listener = gos::net::listen("tcp", "127.0.0.1:0");
    if (!listener) return std::fprintf(stderr, "%s\n", listener.error().message().c_str()), 1;
    std::printf("port %d\n", static_cast<int>(listener->address().port()));
    std::fflush(stdout);
    gos::http::router router;
    router.handle("GET /",
                  [](gos::http::request&, gos::http::response_writer& w) { w.send("hello, world\n"); });
    gos::http::server server(router);
    return std::fprintf(stderr, "%s\n", server.serve(*listener).error().message().c_str()), 1;
  });
}
