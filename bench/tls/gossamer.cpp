// TLS 1.3 over loopback, both ends in this process, P-256: a connection with a whole handshake, one that resumes; a request of 64
// bytes and its answer; 16 KiB at a time in one direction; what a thousand idle connections hold.
#include <gossamer/gossamer.hpp>
#include <gossamer/tls.hpp>

#include <cstdlib>
#include <string>
#include <vector>

#include "../bench.hpp"

namespace tls = gos::tls;

namespace {

tls::certificate make_certificate() {
  char folder[] = "/tmp/bench-tls-XXXXXX";
  const std::string in = ::mkdtemp(folder);
  const int failed = std::system(("cd " + in +
                                  " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c "
                                  "-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null")
                                     .c_str());
  bench::check(failed == 0, "tls");
  auto made = tls::certificate::from_files(in + "/c", in + "/k");
  bench::check(std::system(("rm -r " + in).c_str()) == 0 && made, "tls");
  return *made;
}

void echo(tls::conn conn) {
  char buffer[64];
  while (conn.read_full(buffer) && conn.write_all(std::string_view(buffer, sizeof buffer))) {
  }
}

void round_trip(tls::conn& conn) {
  char buffer[64] = {};
  bench::check(conn.write_all(std::string_view(buffer, sizeof buffer)).has_value(), "tls");
  bench::check(conn.read_full(buffer).has_value(), "tls");
}

tls::conn connect(const tls::listener& listener, const tls::config& config) {
  return tls::dial("tcp", listener.address().to_string(), config).value();
}

tls::listener serve(const tls::certificate& certificate, bool tickets) {
  tls::options options;
  options.certificates = {certificate};
  options.session_tickets = tickets;
  return tls::listen("tcp", "127.0.0.1:0", tls::config::make(options).value()).value();
}

}  // namespace

int main() {
  return gos::run([] {
    const tls::certificate certificate = make_certificate();
    tls::options options;
    options.insecure_skip_verify = true;
    options.server_name = "localhost";
    const auto config = tls::config::make(options).value();

    for (const bool resumed : {false, true}) {
      auto listener = serve(certificate, resumed);
      gos::go([&] {
        while (auto conn = listener.accept()) gos::go(echo, std::move(*conn));
      });
      const double ns = bench::ns_per_op([&](std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
          auto conn = connect(listener, config);
          round_trip(conn);
          if (i > 0) bench::check(conn.state().resumed == resumed, "tls");
        }
        return n;
      });
      bench::report("tls", resumed ? "resumed" : "handshake", ns / 1e3, "us");
      if (!resumed) {
        auto conn = connect(listener, config);
        bench::report("tls", "round_trip", bench::ns_per_op([&](std::int64_t n) {
                        for (std::int64_t i = 0; i < n; ++i) round_trip(conn);
                        return n;
                      }) / 1e3,
                      "us");
        std::vector<tls::conn> idle;
        const double before = bench::memory_bytes();
        for (int i = 0; i < 1000; ++i) {
          idle.push_back(connect(listener, config));
          round_trip(idle.back());
        }
        bench::report("tls", "idle", (bench::memory_bytes() - before) / 1000 / 1024, "KiB");
      }
      static_cast<void>(listener.close());
    }

    auto listener = serve(certificate, true);
    gos::go([&] {
      auto conn = listener.accept().value();
      std::vector<char> buffer(16 * 1024);
      while (conn.read_some(std::span(buffer)).value_or(0) > 0) {
      }
    });
    auto conn = connect(listener, config);
    const std::string block(16 * 1024, 'x');
    const double ns = bench::ns_per_op([&](std::int64_t n) {
      for (std::int64_t i = 0; i < n; ++i) bench::check(conn.write_all(block).has_value(), "tls");
      return n;
    });
    bench::report("tls", "bulk", ns / 16, "ns/KiB");
  });
}
