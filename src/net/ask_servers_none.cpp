// ask_servers_none: in place of ask_servers.cpp where the library is built without c-ares.
#include "net/lookup.hpp"

namespace gos::rt {

const bool ask_servers_exists = false;

lookup_answer ask_servers(const std::string& name, ip_family family, const context&) {
  return ask_system(name, family);
}

}  // namespace gos::rt
