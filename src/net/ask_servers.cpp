// ask_servers: names by c-ares: /etc/hosts, then the servers of resolv.conf. Only where the library was built with it.
//
// Each question has a channel of c-ares of its own, driven by the goroutine that asks: c-ares says which of its sockets it
// wants to read or write and how long it wants to wait, a select waits for that and for the end of ctx, and its outcome is
// told to c-ares. To give up is to destroy the channel.
//
// c-ares uses its sockets through the functions below, which close them on exec from the start, and note what the system says:
// c-ares has one status for a server that is not there, one that answers "not I", and a process out of descriptors.
// Rejected: one channel for all: a lock, a goroutine that always waits, and configuration that grows old (decision 13).
#define CARES_NO_DEPRECATED  // what follows is for 1.18, too
#include <ares.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <gossamer/detail/limit.hpp>
#include <gossamer/fd.hpp>

#include "io/kernel_calls.hpp"
#include "net/lookup.hpp"

namespace gos::rt {

namespace {

struct watched_socket {
  int fd;
  bool to_read;
  bool to_write;
};

// What c-ares and the one who asks share.
struct question {
  ares_channel channel = nullptr;
  std::vector<watched_socket> sockets;
  int socket_error = 0;  // what the system said last that was wrong with one
  bool answered = false;
  int status = ARES_SUCCESS;
  ares_addrinfo* list = nullptr;

  question() = default;
  question(const question&) = delete;
  question& operator=(const question&) = delete;
  ~question() {
    if (channel != nullptr) ::ares_destroy(channel);  // answers with ARES_EDESTRUCTION, if it has not yet
    if (list != nullptr) ::ares_freeaddrinfo(list);
  }
};

// c-ares's view of a system call: -1, and errno.
template <class T> T as_c(T result, void* of) noexcept {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  if (errno != EAGAIN && errno != EINPROGRESS && errno != EINTR)
    static_cast<question*>(of)->socket_error = errno;
  return -1;
}

ares_socket_t open_socket(int family, int type, int protocol, void* of) noexcept {
  return as_c(kernel_calls::socket(family, type, protocol), of);
}
int close_socket(ares_socket_t fd, void* of) noexcept { return as_c(kernel_calls::close(fd), of); }
int connect_socket(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void* of) noexcept {
  return as_c(kernel_calls::connect(fd, to, size), of);
}
ares_ssize_t receive_from(ares_socket_t fd, void* buffer, std::size_t size, int flags, sockaddr* from,
                          ares_socklen_t* from_size, void* of) noexcept {
  const ssize_t got = ::recvfrom(fd, buffer, size, flags, from, from_size);
  return as_c(got < 0 ? -errno : got, of);
}
ares_ssize_t send_pieces(ares_socket_t fd, const iovec* pieces, int count, void* of) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<std::size_t>(count);
  ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  // What the question before this one has met, on the same socket: told here, c-ares would wait for its answer.
  if (sent < 0 && errno == ECONNREFUSED) sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  return as_c(sent < 0 ? -errno : sent, of);
}
constexpr ares_socket_functions socket_functions = {open_socket, close_socket, connect_socket, receive_from,
                                                    send_pieces};

void on_socket(void* of, ares_socket_t fd, int to_read, int to_write) noexcept {
  auto& sockets = static_cast<question*>(of)->sockets;
  const auto found = std::ranges::find(sockets, fd, &watched_socket::fd);
  if (found != sockets.end()) sockets.erase(found);
  if (to_read != 0 || to_write != 0) sockets.push_back({fd, to_read != 0, to_write != 0});
}

void on_answer(void* of, int status, int, ares_addrinfo* list) {
  auto* asked = static_cast<question*>(of);
  asked->answered = true;
  asked->status = status;
  asked->list = list;
}

int open_channel(question& asked) {
  static const int library = ::ares_library_init(ARES_LIB_INIT_ALL);
  if (library != ARES_SUCCESS) return library;
  const lookup_settings& tests = lookup_settings_for_tests;
  server_patience patience;
  read_resolv_conf(read_settings(tests.resolv_conf != nullptr ? tests.resolv_conf : "/etc/resolv.conf"),
                   patience);
  if (const char* words = std::getenv("RES_OPTIONS")) read_options(words, patience);
  ares_options options{};
  options.timeout = patience.timeout_s * 1000;
  options.tries = patience.attempts;
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = &asked;
  options.udp_port = options.tcp_port = tests.port;
  options.resolvconf_path = const_cast<char*>(tests.resolv_conf);
  const int given = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                    (tests.port != 0 ? ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT : 0) |
                    (tests.resolv_conf != nullptr ? ARES_OPT_RESOLVCONF : 0);
  const int opened = ::ares_init_options(&asked.channel, &options, given);
  if (opened == ARES_SUCCESS) ::ares_set_socket_functions(asked.channel, &socket_functions, &asked);
  return opened;
}

// Waits for what c-ares wants and tells it. False: the limit came first.
bool go_on(question& asked, const detail::select_arm* limit) {
  std::vector<detail::select_arm> arms;
  std::vector<std::pair<int, bool>> meant;  // the socket, and whether it is to be written
  for (const watched_socket& each : asked.sockets) {
    if (each.to_read) meant.emplace_back(each.fd, false);
    if (each.to_write) meant.emplace_back(each.fd, true);
  }
  for (const auto& [fd, for_writing] : meant) arms.push_back(detail::fd_arm(fd, for_writing));
  if (limit != nullptr) arms.push_back(*limit);
  timeval room{};
  if (const timeval* patience = ::ares_timeout(asked.channel, nullptr, &room)) {
    arms.push_back(detail::limit_after(std::chrono::seconds(patience->tv_sec) +
                                       std::chrono::microseconds(patience->tv_usec)));
  }
  const std::size_t first = detail::select_run_list(arms.data(), arms.size());
  if (limit != nullptr && first == meant.size()) return false;
  int to_read = ARES_SOCKET_BAD, to_write = ARES_SOCKET_BAD;
  if (first < meant.size()) (meant[first].second ? to_write : to_read) = meant[first].first;
  ::ares_process_fd(asked.channel, to_read, to_write);
  return true;
}

error failure_of(const std::string& name, const question& asked, int status) {
  const std::string context = "lookup " + name;
  switch (status) {
    case ARES_ENOMEM:
      throw std::bad_alloc();
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME:
      return {io_errc::no_such_host, context};
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
      if (asked.socket_error != 0)
        return {std::error_code(asked.socket_error, std::system_category()), context};
      return {status == ARES_ETIMEOUT ? io_errc::timeout : io_errc::lookup_failed, context};
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
    case ARES_EFORMERR:
    case ARES_EBADRESP:
      return {io_errc::lookup_failed, context};
    default:
      return {io_errc::lookup_failed, context, ::ares_strerror(status)};
  }
}

}  // namespace

const bool ask_servers_exists = true;

lookup_answer ask_servers(const std::string& name, ip_family family, const context& ctx) {
  question asked;
  if (const int opened = open_channel(asked); opened != ARES_SUCCESS) {
    return std::unexpected(failure_of(name, asked, opened));
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = family == ip_family::any ? AF_UNSPEC : family == ip_family::v4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_CANONNAME;
  if (lookup_settings_for_tests.resolv_conf != nullptr) hints.ai_flags |= ARES_AI_ENVHOSTS;
  ::ares_getaddrinfo(asked.channel, name.c_str(), nullptr, &hints, on_answer, &asked);
  try {
    const detail::stop_traits<context>::limit stop(ctx);
    const detail::select_arm limit = stop.arm();
    while (!asked.answered) {
      if (!go_on(asked, ctx.done() ? &limit : nullptr))
        return std::unexpected(error(ctx.err(), "lookup " + name));
    }
  } catch (const std::system_error& e) {
    return std::unexpected(error(e.code(), "lookup " + name));  // a socket could not be watched
  }
  if (asked.status != ARES_SUCCESS) return std::unexpected(failure_of(name, asked, asked.status));
  host_entry found;
  for (const ares_addrinfo_node* a = asked.list->nodes; a != nullptr; a = a->ai_next)
    add_endpoint(found.endpoints, a->ai_addr, a->ai_addrlen, family);
  for (const ares_addrinfo_cname* c = asked.list->cnames; c != nullptr; c = c->next) {
    if (c->alias != nullptr && std::ranges::find(found.aliases, c->alias) == found.aliases.end()) found.aliases.emplace_back(c->alias);
    if (c->name != nullptr) found.canonical = c->name;  // the last of a chain
  }
  if (found.canonical.empty()) found.canonical = asked.list->name != nullptr ? asked.list->name : name;
  return found;
}

}  // namespace gos::rt
