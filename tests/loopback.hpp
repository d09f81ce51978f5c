// loopback: an address of this machine for tests that close a port and mean to find it free, or closed, afterwards. On
// 127.0.0.1 the tests that run beside them take ports all the time.
#pragma once
#include <unistd.h>

#include <string>

namespace gos_test {

// "127.x.y.z:0", with the process's number in it: nobody else listens there.
inline std::string own_loopback() {
  const auto id = static_cast<unsigned>(::getpid());  // less than 2^22
  return "127." + std::to_string(64 + (id >> 16)) + '.' + std::to_string(id >> 8 & 255) + '.' +
         std::to_string(id & 255) + ":0";
}

}  // namespace gos_test
