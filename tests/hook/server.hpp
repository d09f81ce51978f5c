// server: real servers for the tests of blocking libraries: on loopback, in a temporary folder, ended with the test.
//
// A server is a child of the test and dies with it, also when it is killed (setpriv --pdeathsig). What refuses root runs as
// the user that its package made. Where a server is not installed the test is skipped; ./gos test installs them.
#pragma once
#include "child.hpp"
#include "hook.hpp"

#include <netinet/in.h>
#include <pwd.h>

#include <glob.h>

namespace gos_test {

class temporary_folder {
 public:
  explicit temporary_folder(const char* owner = nullptr) {
    char name[] = "/tmp/gossamer_server_XXXXXX";
    path_ = ::mkdtemp(name);
    if (const passwd* user = owner != nullptr ? ::getpwnam(owner) : nullptr; user != nullptr && ::geteuid() == 0) {
      EXPECT_EQ(::chown(path_.c_str(), user->pw_uid, user->pw_gid), 0);
    }
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ + "/" + name) << text; }

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

// The command with which a server starts: as a child that ends with this process, and as the user if we are root.
inline std::vector<std::string> as_server(std::vector<std::string> command, const char* user = nullptr) {
  std::vector<std::string> words{"--pdeathsig", "KILL"};
  if (user != nullptr && ::geteuid() == 0) {
    for (const std::string& word : {std::string("--reuid=") + user, std::string("--regid=") + user, std::string("--init-groups")}) {
      words.push_back(word);
    }
  }
  words.insert(words.end(), command.begin(), command.end());
  return words;
}
inline const char* const server_runner = "/usr/bin/setpriv";

// A port of 127.0.0.1 that was free a moment ago.
inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

// The most threads of this process while f runs.
template <class F> int most_threads_during(F&& f) {
  std::atomic<bool> stop{false};
  std::atomic<int> most{0};
  std::thread watcher([&] {
    while (!stop) {
      most = std::max(most.load(), thread_count() - 1);
      ::usleep(5000);
    }
  });
  f();
  stop = true;
  watcher.join();
  return most;
}

// For people and for the table in docs/blocking_libraries.md.
inline void tell(const char* what, std::chrono::steady_clock::duration took, int threads) {
  std::printf("[ measured ] %s: %lld ms, at most %d threads with %d processors\n", what,
              static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()), threads,
              gos::runtime::max_procs());
}

}  // namespace gos_test
