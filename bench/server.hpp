// server: what the load generators share: they start a server as a child, on a processor of its own where there are two, read
// its port, and connect.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace bench {

struct server {
  pid_t pid = -1;
  clockid_t cpu_clock = 0;
  int port = 0;
  std::FILE* output = nullptr;  // what it prints after its port
};

inline server running;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "load: %s\n", what);
  if (running.pid > 0) kill(running.pid, SIGKILL);
  std::_Exit(1);
}

inline void keep_on(int processor) {
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  CPU_SET(static_cast<unsigned>(processor), &wanted);
  sched_setaffinity(0, sizeof wanted, &wanted);
}

// The first two processors this process may use, or an empty list when there are not two.
inline std::vector<int> two_processors() {
  cpu_set_t allowed;
  std::vector<int> found;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return found;
  for (int i = 0; i < CPU_SETSIZE && found.size() < 2; ++i) {
    if (CPU_ISSET(static_cast<unsigned>(i), &allowed)) found.push_back(i);
  }
  if (found.size() < 2) found.clear();
  return found;
}

inline server start(char** command, int processor) {
  int output[2];
  if (pipe(output) != 0) fail("pipe");
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (processor >= 0) keep_on(processor);
    dup2(output[1], STDOUT_FILENO);
    close(output[0]);
    close(output[1]);
    execv(command[0], command);
    std::perror(command[0]);
    _exit(127);
  }
  close(output[1]);
  running.pid = pid;
  std::FILE* lines = fdopen(output[0], "r");
  char line[256];
  int port = 0;
  if (lines == nullptr || std::fgets(line, sizeof line, lines) == nullptr ||
      std::sscanf(line, "port %d", &port) != 1) {
    fail("the server did not say its port");
  }
  server started{pid, 0, port, lines};
  if (clock_getcpuclockid(pid, &started.cpu_clock) != 0) fail("no processor clock of the server");
  return started;
}

// A connection without delay to the server that runs.
inline int connect_to_server() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(running.port));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("cannot connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace bench
