// config: options made ready: an SSL_CTX for clients and servers alike, whom to trust, and the sessions of a client.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <vector>

#include <gossamer/mutex.hpp>
#include <gossamer/once.hpp>
#include <gossamer/tls.hpp>

#include "base/race.hpp"
#include "tls/openssl.hpp"

namespace gos::tls {

// The sessions that servers have given a client, by the name of the server. Few: the oldest goes first.
class session_cache {
 public:
  session_owner find(const std::string& server);
  void keep(const std::string& server, session_owner session);

 private:
  struct entry {
    std::string server;
    session_owner session;
  };
  static constexpr std::size_t capacity = 256;
  mutex lock_;
  std::list<entry> entries_;  // under lock_; newest first
};

struct config::state {
  ~state() { rt::race_acquire(this); }  // pairs with that of the last session

  // By the first client: they may be a file that takes milliseconds to read, and a server has no use for them.
  void load_system_roots();

  options chosen;
  ctx_owner ctx;
  store_owner client_roots;  // for a server's clients
  std::vector<unsigned char> protocols;  // as ALPN sends them
  session_cache sessions;
  once system_roots;
};

// What is behind the handles.
struct access {
  static const std::shared_ptr<config::state>& get(const config& c) noexcept { return c.state_; }
  static std::shared_ptr<config::state>& get(config& c) noexcept { return c.state_; }
  static const certificate::pair& get(const certificate& c) noexcept { return *c.pair_; }
};

}  // namespace gos::tls
