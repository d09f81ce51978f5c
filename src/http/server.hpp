// server: what a server's connections share.
//
// INV1 lock guards the lists and `closing`; a connection is in the list from before its goroutine runs until its end.
// INV2 After `closing` nothing is added to `running`, so that whoever waits for it waits for the last.
#pragma once

#include <atomic>
#include <mutex>
#include <string_view>
#include <vector>

#include <gossamer/http.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/semaphore.hpp>
#include <gossamer/wait_group.hpp>

#include "http/connection.hpp"

namespace gos::http {

struct server::state {
  state(handler h, server_options given);

  bool add(connection& conn);  // false: closing
  void remove(connection& conn) noexcept;
  void log(std::string_view line) const;
  bool is_closing() const noexcept {
    // relaxed: a connection that misses it is closed as idle, or asked after its next answer.
    return closing.load(std::memory_order_relaxed);
  }

  const handler serve;
  const server_options options;
  const head_limits limits;
  cancellable base;
  weighted_semaphore slots;
  wait_group running;

  mutex lock;
  connection* first = nullptr;
  std::vector<closable> listeners;
  std::atomic<bool> closing{false};
};

}  // namespace gos::http
