// The floor of the http workload: one thread, nothing between it and epoll, and no parser: it answers each read that ends with an
// empty line with the same bytes. Says `port N` and serves until it is ended.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

int must(int result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::exit(1);
}

void serve(int fd) {
  char buffer[4096];
  const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  constexpr std::string_view answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "Content-Length: 13\r\n\r\nhello, world\n";
  const bool whole = n > 4 && std::string_view(buffer, static_cast<std::size_t>(n)).ends_with("\r\n\r\n");
  if (!whole || send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(answer.size()))
    close(fd);
}

void watch(int poller, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  must(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

}  // namespace

int main() {
  const int listener = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  must(bind(listener, reinterpret_cast<sockaddr*>(&address), size), "bind");
  must(listen(listener, 1024), "listen");
  must(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::printf("port %d\n", ntohs(address.sin_port));
  std::fflush(stdout);

  const int poller = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(poller, listener);
  epoll_event events[128];
  for (;;) {
    const int ready = epoll_wait(poller, events, 128, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd);
        continue;
      }
      const int conn = must(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
      const int on = 1;
      must(setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
      watch(poller, conn);
    }
  }
}
