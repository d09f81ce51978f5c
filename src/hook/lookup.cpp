// lookup: names and addresses of hosts.
//
// The C library asks its servers by calls of its own, which nobody can stand before. So a lookup holds a thread, in a blocking
// section; and not more than a few threads at once are held: others wait for their turn as goroutines.
#include <gossamer/semaphore.hpp>

#include <arpa/inet.h>

#include "hook/here.hpp"
#include "hook/libc.hpp"

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

// What asks for no server is not worth a turn.
bool is_numeric(const addrinfo* hints, const char* host) noexcept {
  if (host == nullptr || (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0)) return true;
  in6_addr ignored;
  return ::inet_pton(AF_INET, host, &ignored) == 1 || ::inet_pton(AF_INET6, host, &ignored) == 1;
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
  if (!may_park() || is_numeric(hints, host) || !in_home_process()) return libc::getaddrinfo(host, service, hints, found);
  return ask([&] { return libc::getaddrinfo(host, service, hints, found); });
}

int getnameinfo(const sockaddr* __restrict address, socklen_t size, char* __restrict host, socklen_t host_size,
                char* __restrict service, socklen_t service_size, int flags) {
  const auto system = [&] { return libc::getnameinfo(address, size, host, host_size, service, service_size, flags); };
  if (!may_park() || (flags & NI_NUMERICHOST) != 0 || host == nullptr || !in_home_process()) return system();
  return ask(system);
}

int gethostbyname_r(const char* __restrict name, hostent* __restrict host, char* __restrict buffer, size_t size,
                    hostent** __restrict found, int* __restrict error) {
  const auto system = [&] { return libc::gethostbyname_r(name, host, buffer, size, found, error); };
  return may_park() && in_home_process() ? ask(system) : system();
}

int gethostbyname2_r(const char* __restrict name, int family, hostent* __restrict host, char* __restrict buffer,
                     size_t size, hostent** __restrict found, int* __restrict error) {
  const auto system = [&] { return libc::gethostbyname2_r(name, family, host, buffer, size, found, error); };
  return may_park() && in_home_process() ? ask(system) : system();
}

int gethostbyaddr_r(const void* __restrict address, socklen_t address_size, int family, hostent* __restrict host,
                    char* __restrict buffer, size_t size, hostent** __restrict found, int* __restrict error) {
  const auto system = [&] { return libc::gethostbyaddr_r(address, address_size, family, host, buffer, size, found, error); };
  return may_park() && in_home_process() ? ask(system) : system();
}

}  // extern "C"
