// server: real servers for the tests of blocking libraries: on loopback, in a temporary folder, ended with the test.
//
// A server is a child of the test and dies with it, also when the test is killed (setpriv --pdeathsig). Where we are root it
// runs as nobody: PostgreSQL refuses root. Where a server is not installed the test is skipped; ./gos test libraries installs
// them.
#pragma once
#include "child.hpp"
#include "hook/hook.hpp"

#include <gossamer/file.hpp>

#include <glob.h>
#include <netinet/in.h>
#include <pwd.h>

namespace gos_test {

inline const char* const server_runner = "/usr/bin/setpriv";
inline const passwd* unprivileged() { return ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr; }

// Of the user whom servers run as.
class temporary_folder {
 public:
  temporary_folder() : path_(gos::make_temporary_directory("gos_server_").value()) {
    if (const passwd* user = unprivileged()) EXPECT_EQ(::chown(path_.c_str(), user->pw_uid, user->pw_gid), 0);
  }
  ~temporary_folder() { EXPECT_TRUE(gos::remove_all(path_)); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The program of that name; of several that fit a pattern the last. Empty: it is not installed.
inline std::string installed_program(const std::string& pattern) {
  glob_t found{};
  std::string program;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) program = found.gl_pathv[found.gl_pathc - 1];
  ::globfree(&found);
  return program;
}

// What server_runner is given to start it.
inline std::vector<std::string> as_server(const std::vector<std::string>& command) {
  std::vector<std::string> words{"--pdeathsig", "KILL"};
  if (const passwd* user = unprivileged()) {
    words.push_back("--reuid=" + std::to_string(user->pw_uid));
    words.push_back("--regid=" + std::to_string(user->pw_gid));
    words.push_back("--clear-groups");
  }
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

// A port of 127.0.0.1 that nobody listens on, and that no outgoing connection is given meanwhile.
inline int free_port() {
  auto random = rng();
  for (;;) {
    const int port = std::uniform_int_distribution(12'000, 30'000)(random);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::close(fd);
    if (bound == 0) return port;
  }
}

struct use {
  std::chrono::nanoseconds time{};
  int threads = 0;  // of this process, at most
};
template <class F> use use_of(F&& f) {
  std::atomic<bool> stop{false};
  use used;
  std::thread watcher([&] {
    while (!stop) {
      used.threads = std::max(used.threads, thread_count() - 1);
      ::usleep(5000);
    }
  });
  used.time = duration_of(f);
  stop = true;
  watcher.join();
  return used;
}

// For people and for the table in docs/blocking_libraries.md.
inline void tell(const char* what, const use& used) {
  std::printf("[ measured ] %s: %lld ms, at most %d threads with %d processors\n", what,
              static_cast<long long>(used.time / 1ms), used.threads, gos::runtime::max_procs());
}

}  // namespace gos_test
