// nginx: libcurl's easy interface and OpenSSL on a blocking socket, as the distribution has them, against nginx with TLS.
#include "server.hpp"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace {

using namespace gos_test;

constexpr const char* nginx_program = "/usr/sbin/nginx";
constexpr const char* openssl_program = "/usr/bin/openssl";

// Names are relative to its folder.
std::string configuration(int port) {
  return R"(
    daemon off; worker_processes 1; pid pid; error_log log;
    events { worker_connections 2000; }
    http {
      access_log off;
      client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
      server {
        ssl_certificate cert; ssl_certificate_key key;
        location /fast { alias body; }
        location /slow { alias body; limit_rate 30000; }
        listen 127.0.0.1:)" +
         std::to_string(port) + " ssl backlog=1000; } }";
}

// Serves 40 000 bytes: at once under /fast, 30 000 a second under /slow.
class nginx {
 public:
  static bool is_installed() {
    return !installed_program(nginx_program).empty() && !installed_program(openssl_program).empty();
  }

  nginx() : port_(free_port()) {
    const child_result made = run_child(
        server_runner,
        as_server({openssl_program, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost", "-keyout", path("key"), "-out", path("cert")}));
    EXPECT_EQ(made.status, 0) << made;
    EXPECT_TRUE(gos::write_file(path("body"), std::string(size, 'x')));
    EXPECT_TRUE(gos::write_file(path("conf"), configuration(port_)));
    server_.emplace(server_runner,
                    as_server({nginx_program, "-p", folder_.path(), "-c", path("conf"), "-e", path("log")}));
    EXPECT_TRUE(eventually([&] { return std::ifstream(path("pid")).peek() > 0; })) << server_->wait(0ms);
  }
  ~nginx() {
    server_->kill(SIGTERM);
    server_->wait();
  }

  static constexpr std::size_t size = 40'000;
  std::string path(const std::string& name) const { return folder_ / name; }
  std::string url(const std::string& of) const { return "https://localhost:" + std::to_string(port_) + of; }
  int port() const { return port_; }

 private:
  temporary_folder folder_;
  int port_;
  std::optional<child> server_;
};

class Nginx : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (nginx::is_installed()) server.emplace();
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    if (!server) GTEST_SKIP() << "nginx or openssl is not installed (Debian: nginx-light openssl)";
  }
  static inline std::optional<nginx> server;
};

// The number of bytes that came, or the negative number of curl's error.
long fetch(const std::string& url, const std::string& certificate, std::chrono::milliseconds limit) {
  CURL* const curl = curl_easy_init();
  std::size_t got = 0;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CAINFO, certificate.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION, +[](char*, std::size_t one, std::size_t count, void* to) {
        *static_cast<std::size_t*>(to) += one * count;
        return one * count;
      });
  const CURLcode result = curl_easy_perform(curl);
  curl_easy_cleanup(curl);
  return result == CURLE_OK ? static_cast<long>(got) : -static_cast<long>(result);
}

TEST_F(Nginx, ManyTransfersByLibcurl) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  constexpr int count = 100;
  std::atomic<int> right{0};
  const std::string url = server->url("/slow");
  const std::string certificate = server->path("cert");
  EXPECT_EQ(fetch(server->url("/fast"), certificate, 20s), static_cast<long>(nginx::size))
      << "on a plain thread";
  const use used = use_of([&] {
    gos::wait_group all;
    for (int i = 0; i < count; ++i) {
      all.go([&] {
        if (fetch(url, certificate, 60s) == static_cast<long>(nginx::size)) ++right;
      });
    }
    all.wait();
  });
  tell("100 transfers with TLS by libcurl, a second each", used);
  EXPECT_EQ(right, count);
  on_goroutine([&] {
    EXPECT_EQ(fetch(url, certificate, 50ms), -static_cast<long>(CURLE_OPERATION_TIMEDOUT));
    EXPECT_EQ(fetch("https://localhost:1/", certificate, 20s), -static_cast<long>(CURLE_COULDNT_CONNECT));
    EXPECT_EQ(fetch(url, "/etc/ssl/certs/ca-certificates.crt", 20s) < 0, true) << "a certificate of our own";
  });
}

// As openssl s_client: a blocking socket, SSL_connect, SSL_write, SSL_read.
std::size_t get_by_openssl(SSL_CTX* context, int port, const char* of) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  EXPECT_EQ(SSL_connect(ssl), 1) << ERR_reason_error_string(ERR_peek_error());
  const std::string request = std::string("GET ") + of + " HTTP/1.0\r\n\r\n";
  EXPECT_EQ(SSL_write(ssl, request.data(), static_cast<int>(request.size())),
            static_cast<int>(request.size()));
  std::size_t got = 0;
  char buffer[4096];
  int result;
  while ((result = SSL_read(ssl, buffer, sizeof buffer)) > 0) got += static_cast<std::size_t>(result);
  EXPECT_EQ(SSL_get_error(ssl, result), SSL_ERROR_ZERO_RETURN);
  SSL_shutdown(ssl);
  SSL_free(ssl);
  ::close(fd);
  return got;
}

TEST_F(Nginx, ManyConnectionsByOpenSsl) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  EXPECT_EQ(SSL_CTX_load_verify_locations(context, server->path("cert").c_str(), nullptr), 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  constexpr int count = 100;
  std::atomic<int> right{0};
  const use used = use_of([&] {
    gos::wait_group all;
    for (int i = 0; i < count; ++i) {
      all.go([&] {
        // What another goroutine's library call left behind is nobody's business.
        ERR_put_error(ERR_LIB_USER, 0, 1, "test", 1);
        ERR_clear_error();
        if (get_by_openssl(context, server->port(), "/slow") > nginx::size) ++right;
      });
    }
    for (int i = 0; i < 20; ++i) {
      all.go([] {
        for (int k = 0; k < 50; ++k) {
          ERR_put_error(ERR_LIB_USER, 0, 1, "test", 1);
          ::usleep(2000);
          EXPECT_NE(ERR_get_error(), 0u) << "the error of this goroutine, wherever it woke";
          EXPECT_EQ(ERR_get_error(), 0u) << "and of no other";
        }
      });
    }
    all.wait();
  });
  tell("100 connections with TLS by OpenSSL on blocking sockets, a second each", used);
  EXPECT_EQ(right, count);
  EXPECT_LT(used.threads, count / 2);
  SSL_CTX_free(context);
}

}  // namespace
