// lookup: names and addresses of hosts.
//
// Names are found as net::lookup_host finds them (net/lookup.hpp): servers are asked without a thread. What getaddrinfo says beside
// the addresses - kinds of sockets, ports, families that this machine has not - is the C library's, asked for an address in
// figures, which it needs nobody for.
// Where net::lookup_host would ask the C library itself, and for the names of addresses, the C library asks, by calls of its own
// that nobody can stand before. That holds a thread, in a blocking section; and not more than a few threads at once are held:
// others wait for their turn as goroutines.
#include <arpa/inet.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <gossamer/semaphore.hpp>

#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "net/address.hpp"
#include "net/lookup.hpp"

namespace gos::rt {

namespace {

constexpr std::int64_t at_once_max = 64;

class turn {
 public:
  turn() { turns().acquire(); }
  ~turn() { turns().release(); }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  static weighted_semaphore& turns() {
    static weighted_semaphore* const lasting = new weighted_semaphore(at_once_max);
    return *lasting;
  }
};

// Then nobody is asked: "127.1" and "fe80::1%eth0" are addresses in figures, too.
bool is_numeric(const addrinfo* hints, const char* host) noexcept {
  if (host == nullptr || *host == '\0' || (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0))
    return true;
  in_addr ignored;
  return std::strchr(host, ':') != nullptr || ::inet_aton(host, &ignored) != 0;
}

bool is_for_servers(const char* host) noexcept {
  try {
    return asks_servers(host);
  } catch (const std::bad_alloc&) { return false; }
}

struct free_list {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using address_list = std::unique_ptr<addrinfo, free_list>;

// Whether find() knows all that is asked for.
bool is_findable(const addrinfo* hints) noexcept {
  if (hints == nullptr) return true;
  constexpr int known = AI_ADDRCONFIG | AI_CANONNAME | AI_NUMERICSERV | AI_PASSIVE;
  switch (hints->ai_family) {
    case AF_UNSPEC:
    case AF_INET:
      return (hints->ai_flags & ~(known | AI_V4MAPPED)) == 0;
    case AF_INET6:
      return (hints->ai_flags & ~known) == 0;
    default:
      return false;
  }
}

// The nodes of a family: what they are like but for the address. Null if there can be none: `why`.
address_list nodes_like(const char* numeric, const char* service, const addrinfo* hints, int& why) noexcept {
  addrinfo* found = nullptr;
  why = libc::getaddrinfo(numeric, service, hints, &found);
  return address_list(why == 0 ? found : nullptr);
}

// As the C library makes them, whose freeaddrinfo frees a node and the address behind it as one block.
addrinfo* make_node(const addrinfo& like, const net::endpoint& e) {
  socket_address address(e);
  if (like.ai_family == AF_INET) {
    address.v4.sin_port = reinterpret_cast<const sockaddr_in*>(like.ai_addr)->sin_port;
  } else {
    address.v6.sin6_port = reinterpret_cast<const sockaddr_in6*>(like.ai_addr)->sin6_port;
  }
  void* const block = std::malloc(sizeof(addrinfo) + address.size);
  if (block == nullptr) throw std::bad_alloc();
  auto* const node = new (block) addrinfo(like);
  node->ai_addrlen = address.size;
  node->ai_addr = reinterpret_cast<sockaddr*>(node + 1);
  node->ai_canonname = nullptr;
  node->ai_next = nullptr;
  std::memcpy(node->ai_addr, &address.generic, address.size);
  return node;
}

int failure_of(const error& e) noexcept {
  if (e == io_errc::no_such_host) return EAI_NONAME;
  return e == std::errc::not_enough_memory ? EAI_MEMORY : EAI_AGAIN;
}

int find(const std::string& host, const char* service, const addrinfo* hints, addrinfo** found) {
  const int family = hints == nullptr ? AF_UNSPEC : hints->ai_family;
  int no_v4 = EAI_FAMILY;
  int no_v6 = EAI_FAMILY;
  address_list v4, v6;
  if (family != AF_INET6) v4 = nodes_like("127.0.0.1", service, hints, no_v4);
  if (family != AF_INET) v6 = nodes_like("::1", service, hints, no_v6);
  if (!v4 && !v6) return no_v4 == EAI_FAMILY || no_v4 == EAI_ADDRFAMILY ? no_v6 : no_v4;
  const ip_family wanted = !v4 ? ip_family::v6 : !v6 ? ip_family::v4 : ip_family::any;
  const auto answer = lookup(host, wanted, background());
  if (!answer) return failure_of(answer.error());
  address_list all;
  addrinfo* last = nullptr;
  for (const net::endpoint& e : answer->endpoints) {
    for (const addrinfo* like = is_v4(e) ? v4.get() : v6.get(); like != nullptr; like = like->ai_next) {
      addrinfo* const node = make_node(*like, e);
      if (last == nullptr) all.reset(node);
      else last->ai_next = node;
      last = node;
    }
  }
  if (!all) return EAI_NONAME;
  if (hints != nullptr && (hints->ai_flags & AI_CANONNAME) != 0) {
    all->ai_canonname = ::strdup(answer->canonical.c_str());
    if (all->ai_canonname == nullptr) return EAI_MEMORY;
  }
  *found = all.release();
  return 0;
}

// Room in a caller's buffer, from its begin on. Null: there is not enough.
class room {
 public:
  room(char* begin, std::size_t size) noexcept : at_(begin), left_(size) {}

  template <class T> T* take(std::size_t count) noexcept {
    void* at = at_;
    if (std::align(alignof(T), count * sizeof(T), at, left_) == nullptr) return nullptr;
    at_ = static_cast<char*>(at) + count * sizeof(T);
    left_ -= count * sizeof(T);
    return static_cast<T*>(at);
  }
  char* copy(const void* bytes, std::size_t size) noexcept {
    char* const to = take<char>(size);
    if (to != nullptr) std::memcpy(to, bytes, size);
    return to;
  }

 private:
  char* at_;
  std::size_t left_;
};

// False: the buffer is too small.
bool write_entry(const host_entry& entry, int family, hostent& to, room in) noexcept {
  const std::size_t names = entry.aliases.size();
  const std::size_t addresses = entry.endpoints.size();
  to.h_addrtype = family;
  to.h_length = family == AF_INET ? 4 : 16;
  to.h_aliases = in.take<char*>(names + 1);
  to.h_addr_list = in.take<char*>(addresses + 1);
  if (to.h_aliases == nullptr || to.h_addr_list == nullptr) return false;
  to.h_aliases[names] = to.h_addr_list[addresses] = nullptr;
  for (std::size_t i = 0; i < addresses; ++i) {
    to.h_addr_list[i] = in.copy(entry.endpoints[i].ip().data(), static_cast<std::size_t>(to.h_length));
    if (to.h_addr_list[i] == nullptr) return false;
  }
  for (std::size_t i = 0; i < names; ++i) {
    to.h_aliases[i] = in.copy(entry.aliases[i].c_str(), entry.aliases[i].size() + 1);
    if (to.h_aliases[i] == nullptr) return false;
  }
  to.h_name = in.copy(entry.canonical.c_str(), entry.canonical.size() + 1);
  return to.h_name != nullptr;
}

// As the C library's gethostbyname2_r: 0 or an errno value, `error` as h_errno.
int find_entry(const std::string& name, int family, hostent& to, room in, int& error) {
  const auto answer = lookup(name, family == AF_INET ? ip_family::v4 : ip_family::v6, background());
  if (answer && write_entry(*answer, family, to, in)) {
    error = NETDB_SUCCESS;
    return 0;
  }
  if (answer) {
    error = NETDB_INTERNAL;
    return ERANGE;
  }
  const int why = failure_of(answer.error());
  error = why == EAI_NONAME ? HOST_NOT_FOUND : TRY_AGAIN;
  return why == EAI_NONAME ? 0 : EAGAIN;
}

// What find() gives, or out_of_memory.
template <class Find> int without_throwing(Find&& find, int out_of_memory) noexcept {
  const outcome end;
  try {
    return end.success(find());
  } catch (const std::bad_alloc&) { return out_of_memory; }
}

template <class Ask> int ask(Ask&& ask_system) {
  const outcome end;
  int result = 0;
  int error = 0;
  {
    const turn mine;
    in_section([&] {
      result = ask_system();
      error = errno;
    });
  }
  if (result == EAI_SYSTEM) end.failure(error);
  return result;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int getaddrinfo(const char* __restrict host, const char* __restrict service, const addrinfo* __restrict hints,
                addrinfo** __restrict found) {
  if (!may_park() || is_numeric(hints, host) || !in_home_process())
    return libc::getaddrinfo(host, service, hints, found);
  if (is_findable(hints) && is_for_servers(host)) {
    return without_throwing([&] { return find(host, service, hints, found); }, EAI_MEMORY);
  }
  return ask([&] { return libc::getaddrinfo(host, service, hints, found); });
}

int getnameinfo(const sockaddr* __restrict address, socklen_t size, char* __restrict host,
                socklen_t host_size, char* __restrict service, socklen_t service_size, int flags) {
  const auto system = [&] {
    return libc::getnameinfo(address, size, host, host_size, service, service_size, flags);
  };
  if (!may_park() || (flags & NI_NUMERICHOST) != 0 || host == nullptr || !in_home_process()) return system();
  return ask(system);
}

int gethostbyname_r(const char* __restrict name, hostent* __restrict host, char* __restrict buffer,
                    size_t size, hostent** __restrict found, int* __restrict error) {
  return ::gethostbyname2_r(name, AF_INET, host, buffer, size, found, error);
}

int gethostbyname2_r(const char* __restrict name, int family, hostent* __restrict host,
                     char* __restrict buffer, size_t size, hostent** __restrict found,
                     int* __restrict error) {
  const auto system = [&] { return libc::gethostbyname2_r(name, family, host, buffer, size, found, error); };
  if (!may_park() || is_numeric(nullptr, name) || !in_home_process()) return system();
  if ((family != AF_INET && family != AF_INET6) || !is_for_servers(name)) return ask(system);
  *error = NETDB_INTERNAL;
  const int result =
      without_throwing([&] { return find_entry(name, family, *host, room(buffer, size), *error); }, ENOMEM);
  *found = *error == NETDB_SUCCESS ? host : nullptr;
  return result;
}

int gethostbyaddr_r(const void* __restrict address, socklen_t address_size, int family,
                    hostent* __restrict host, char* __restrict buffer, size_t size,
                    hostent** __restrict found, int* __restrict error) {
  const auto system = [&] {
    return libc::gethostbyaddr_r(address, address_size, family, host, buffer, size, found, error);
  };
  return may_park() && in_home_process() ? ask(system) : system();
}

}  // extern "C"
