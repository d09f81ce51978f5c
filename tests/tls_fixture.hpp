// tls_fixture: certificates made by the openssl command, one folder of them for each process, and connected pairs.
#pragma once
#include "net_fixture.hpp"

#include <gossamer/tls.hpp>

#include <cstdlib>
#include <string>
#include <utility>

namespace gos_test {

// The folder with ca.pem, and for each name below NAME.pem; key.pem is the key of all but the authority. Removed at exit.
class certificates {
 public:
  static const certificates& made() {
    static const certificates all;
    return all;
  }
  std::string path(const std::string& file) const { return folder_ + "/" + file; }

  gos::tls::certificate of(const std::string& name) const {
    return must(gos::tls::certificate::from_files(path(name + ".pem"), path("key.pem")));
  }

  // In place of ca.pem's: what the test's server and client have unless it says otherwise.
  gos::tls::options server_options(const std::string& name = "localhost") const {
    gos::tls::options o;
    o.certificates = {of(name)};
    o.handshake_timeout = scaled(60s);
    return o;
  }
  gos::tls::options client_options() const {
    gos::tls::options o;
    o.system_roots = false;
    o.root_file = path("ca.pem");
    o.server_name = "localhost";
    o.handshake_timeout = scaled(60s);
    return o;
  }

  // Runs a shell command in the folder.
  int run(const std::string& command) const { return std::system(("cd " + folder_ + " && " + command).c_str()); }

 private:
  certificates() {
    char name[] = "/tmp/gos-tls-XXXXXX";
    folder_ = ::mkdtemp(name);
    const int failed = run(R"sh(
      exec 2>/dev/null
      key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
      key ca.key && key key.pem || exit 1
      openssl req -x509 -new -key ca.key -subj "/CN=test authority" -days 2 -out ca.pem || exit 1
      leaf() {  # NAME SUBJECT_ALT_NAME
        openssl req -x509 -new -key key.pem -CA ca.pem -CAkey ca.key -subj "/CN=$1" -days 2 -addext "subjectAltName=$2" \
          -addext basicConstraints=CA:FALSE -out "$1.pem" || exit 1
      }
      leaf localhost "DNS:localhost,IP:127.0.0.1"
      leaf second "DNS:second.test,DNS:*.wild.test"
      leaf client "DNS:client.test"
      openssl req -x509 -new -key key.pem -subj /CN=localhost -days 2 -addext "subjectAltName=DNS:localhost" -out self.pem || exit 1
      openssl req -new -key key.pem -subj /CN=expired -out expired.csr || exit 1
      printf 'subjectAltName=DNS:localhost' >expired.ext
      openssl x509 -req -in expired.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days -1 -extfile expired.ext -out expired.pem
    )sh");
    if (failed != 0) std::abort();
  }
  ~certificates() { static_cast<void>(std::system(("rm -rf " + folder_).c_str())); }

  std::string folder_;
};

struct tls_pair {
  gos::tls::conn client, server;
};

// Connected, without a handshake.
inline tls_pair connect_tls(const gos::tls::config& client, const gos::tls::config& server) {
  auto [a, b] = connect_pair();
  return {gos::tls::client(std::move(a), client), gos::tls::server(std::move(b), server)};
}
inline tls_pair connect_tls() {
  return connect_tls(must(gos::tls::config::make(certificates::made().client_options())),
                     must(gos::tls::config::make(certificates::made().server_options())));
}

// What the handshakes of both ends come to.
inline std::pair<std::string, std::string> shake(tls_pair& pair) {
  auto serving = gos::spawn([&] { return message_of(pair.server.handshake()); });
  std::string client = message_of(pair.client.handshake());
  // In TLS 1.3 a client is done before the server has looked at its certificate: it learns what came of it from its first read.
  if (client == "(no error)" && pair.client.state().peer.empty()) client = "(no certificate)";
  return {client, serving.join()};
}

}  // namespace gos_test
