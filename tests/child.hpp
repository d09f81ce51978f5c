// child: programs run beside the test, for everything that ends a process: fatal errors, crashes, exit statuses.
//
// A program is looked for beside the test's own executable and in the build folder's `examples`, so tests need no paths
// compiled in. GOS_TEST_RUNNER (for example "qemu-aarch64 -L /usr/aarch64-linux-gnu") is put in front of it. Programs of the
// system are named by an absolute path; own_program() is the test itself.
#pragma once
#include "fixture.hpp"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <concepts>
#include <string>
#include <vector>

namespace gos_test {

std::string own_program();

std::string find_program(const std::string& name);

struct child_result {
  int status = -1;  // exit status, -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;
  std::string out, err;
};

std::ostream& operator<<(std::ostream& os, const child_result& r);

// A running program with its three streams on pipes. Killed when it goes out of scope.
class child {
 public:
  using environment = std::vector<std::string>;  // "NAME=value"
  // To a terminal, each line comes when it is printed. shared_terminal: standard input is the same terminal.
  enum class output { pipe, terminal, shared_terminal };

  explicit child(const std::string& program, std::vector<std::string> arguments = {}, environment extra = {},
                 output to = output::pipe);

  ~child();
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  int pid() const { return pid_; }
  const std::string& out() const { return result_.out; }
  const std::string& err() const { return result_.err; }

  void write(const std::string& text) {
    [[maybe_unused]] auto written = ::write(in_, text.data(), text.size());
  }

  void close_input() {
    if (in_ >= 0) ::close(std::exchange(in_, -1));
  }

  void kill(int signal) const {
    if (pid_ > 0 && !done_) ::kill(pid_, signal);
  }

  // Reads until stdout and stderr together satisfy pred(child), or false after the time.
  template <std::predicate<const child&> Predicate>
  bool read_until(Predicate pred, std::chrono::milliseconds timeout = 30s) {
    const auto deadline = std::chrono::steady_clock::now() + scaled(timeout);
    while (!pred(*this)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      if (!read_some(50) && !pred(*this)) return false;
    }
    return true;
  }

  bool read_until(std::string_view text, std::chrono::milliseconds timeout = 30s) {
    return read_until([text](const child& c) { return c.out().find(text) != std::string::npos; }, timeout);
  }

  // Waits for the end of the program; kills it after the time.
  const child_result& wait(std::chrono::milliseconds timeout = 30s);

 private:
  void start(const std::vector<std::string>& words, environment extra, output to);

  // Takes in what the pipes hold, waiting up to timeout_ms for it. False when nothing more can come (or, with
  // `only_ready`, when nothing was there).
  bool read_some(int timeout_ms, bool only_ready = false);

  pid_t pid_ = -1;
  bool done_ = false;
  int in_ = -1, out_ = -1, err_ = -1;
  child_result result_;
};

// Runs a program to its end. Its standard input is empty.
child_result run_child(const std::string& program, std::vector<std::string> arguments = {},
                       child::environment extra = {}, std::chrono::milliseconds timeout = 30s);

// The context switches of all threads of a process so far.
long context_switches(int pid);

}  // namespace gos_test
