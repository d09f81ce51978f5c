// lookup: the addresses of a name: who is asked, and that the same question is asked once at a time.
//
// Who is asked. c-ares, where the library was built with it: it reads /etc/hosts and resolv.conf and sends questions whose
// answers a goroutine waits for without a thread (ask_servers.cpp). The C library's getaddrinfo in a blocking section
// (ask_system.cpp), where c-ares is absent, GOS_DEBUG=systemdns wants it, or nsswitch.conf names a source that c-ares does not
// know.
// Callers that ask for the same name at the same time wait for one question. It is taken back when the last of them has gone.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/net.hpp>

namespace gos::rt {

enum class ip_family : unsigned char { any, v4, v6 };

struct host_entry {
  std::vector<net::endpoint> endpoints;  // each address once, with port 0
  // What the name stands for, and by which other names; empty where the C library has been asked.
  std::string canonical;
  std::vector<std::string> aliases;
};

// Errors: `lookup <name>: <cause>`; when ctx is over before the answer is there, ctx.err().
using lookup_answer = result<host_entry>;
lookup_answer lookup(const std::string& name, ip_family family, const context& ctx);

// Whether that holds no thread: servers are asked, and not the C library.
bool asks_servers(const std::string& name);

// The two that answer. ask_servers() ends soon when ctx is over; ask_system() cannot.
extern const bool ask_servers_exists;  // built with c-ares
lookup_answer ask_servers(const std::string& name, ip_family family, const context& ctx);
lookup_answer ask_system(const std::string& name, ip_family family);

// Adds e unless it is there, or is of another family than the one that is asked for.
void add_endpoint(std::vector<net::endpoint>& found, const net::endpoint& e, ip_family family);
// The same as the system writes it. Of other kinds than IP: nothing.
void add_endpoint(std::vector<net::endpoint>& found, const sockaddr* address, socklen_t size, ip_family family);

// Must this name be asked of the C library, by this nsswitch.conf on a machine with this name?
bool is_for_system(std::string_view name, std::string_view nsswitch, std::string_view own_name) noexcept;

// What tests put in place of the machine's configuration; set while nobody asks. Null, 0: the machine's.
struct lookup_settings {
  const char* resolv_conf = nullptr;
  const char* nsswitch_conf = nullptr;
  unsigned short port = 0;  // of the servers
};
extern lookup_settings lookup_settings_for_tests;

// `timeout:` and `attempts:` among the words of resolv.conf's lines `options`, or of RES_OPTIONS. What is not said stays.
struct server_patience {
  int timeout_s = 5;
  int attempts = 2;
};
void read_options(std::string_view words, server_patience& patience) noexcept;
void read_resolv_conf(std::string_view text, server_patience& patience) noexcept;

// A small file whole; empty if it cannot be read.
std::string read_settings(const char* path);

}  // namespace gos::rt
