// Says hello over HTTP: `hello_server 8080`, then `curl localhost:8080/hello/you`.
#include <gossamer/gossamer.hpp>
#include <gossamer/http.hpp>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  return gos::run([=]() -> int {
    auto listener = gos::net::listen("tcp", std::string("localhost:") + (argc > 1 ? argv[1] : "8080"));
    if (!listener) return std::fprintf(stderr, "%s\n", listener.error().message().c_str()), 1;
    std::printf("listening on %s\n", listener->address().to_string().c_str());
    std::fflush(stdout);

    gos::http::router router;
    router.handle("GET /hello/{name}", [](gos::http::request& request, gos::http::response_writer& response) {
      response.send("hello " + std::string(request.path_value("name")) + "\n");
    });
    gos::http::server server(router);
    return std::fprintf(stderr, "%s\n", server.serve(*listener).error().message().c_str()), 1;
  });
}
