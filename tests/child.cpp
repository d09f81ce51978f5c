// See child.hpp.
#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>

#include <filesystem>

extern char** environ;

namespace gos_test {

namespace {

// A pseudo-terminal that changes nothing on the way.
int open_terminal(int (&ends)[2]) {
  ends[0] = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends[0] < 0 || ::grantpt(ends[0]) != 0 || ::unlockpt(ends[0]) != 0) return -1;
  ends[1] = ::open(::ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
  termios settings;
  if (ends[1] < 0 || ::tcgetattr(ends[1], &settings) != 0) return -1;
  ::cfmakeraw(&settings);
  return ::tcsetattr(ends[1], TCSANOW, &settings);
}

void take(int& fd, std::string& into) {
  char buffer[65536];
  const auto n = ::read(fd, buffer, sizeof buffer);
  if (n > 0) {
    into.append(buffer, static_cast<std::size_t>(n));
  } else {
    ::close(std::exchange(fd, -1));
  }
}

}  // namespace

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string find_program(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path here = fs::path(own_program()).parent_path();
  for (const fs::path& folder :
       {here, here / "..", here / "examples", here / ".." / "examples", here / ".." / "bin"}) {
    if (fs::is_regular_file(folder / name)) return fs::weakly_canonical(folder / name).string();
  }
  return {};
}

std::ostream& operator<<(std::ostream& os, const child_result& r) {
  return os << "status " << r.status << " signal " << r.signal << (r.timed_out ? " TIMED OUT" : "")
            << "\n--- stdout\n"
            << r.out << "\n--- stderr\n"
            << r.err << "\n---";
}

child::child(const std::string& program, std::vector<std::string> arguments, environment extra, output to) {
  std::vector<std::string> words;
  std::string path = program;
  if (!program.starts_with('/')) {
    path = find_program(program);
    if (path.empty()) {
      ADD_FAILURE() << "no program " << program << " beside the test or in examples";
      return;
    }
  }
  if (!program.starts_with('/') || program == own_program()) {
    if (const char* runner = std::getenv("GOS_TEST_RUNNER")) {
      std::istringstream in(runner);
      for (std::string word; in >> word;) words.push_back(word);
    }
  }
  words.push_back(std::move(path));
  words.insert(words.end(), arguments.begin(), arguments.end());
  start(words, std::move(extra), to);
}

child::~child() {
  kill(SIGKILL);
  wait(10s);
  for (int fd : {in_, out_, err_}) {
    if (fd >= 0) ::close(fd);
  }
}

const child_result& child::wait(std::chrono::milliseconds timeout) {
  if (pid_ <= 0 || done_) return result_;
  const auto deadline = std::chrono::steady_clock::now() + scaled(timeout);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (!read_some(10)) ::usleep(2000);
    if (!result_.timed_out && std::chrono::steady_clock::now() > deadline) {
      result_.timed_out = true;
      ::kill(pid_, SIGKILL);
    }
  }
  done_ = true;
  while (read_some(0, true)) {}
  if (WIFEXITED(status)) result_.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  return result_;
}

void child::start(const std::vector<std::string>& words, environment extra, output to) {
  // Goroutines that live at the end of a process keep what they hold: by contract, and no leak.
  extra.push_back(std::string("ASAN_OPTIONS=detect_leaks=0:") +
                  (std::getenv("ASAN_OPTIONS") ? std::getenv("ASAN_OPTIONS") : ""));
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    const std::string name = entry.substr(0, entry.find('=') + 1);
    if (std::none_of(extra.begin(), extra.end(), [&](const std::string& x) { return x.starts_with(name); })) {
      extra.push_back(entry);
    }
  }
  std::vector<char*> argv, envp;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& entry : extra) envp.push_back(const_cast<char*>(entry.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0 ||
      (to == output::pipe ? ::pipe2(out, O_CLOEXEC) : open_terminal(out)) != 0) {
    ADD_FAILURE() << "no pipe or no terminal";
    return;
  }
  if (to == output::shared_terminal) {
    ::dup3(out[1], in[0], O_CLOEXEC);
    ::dup3(out[0], in[1], O_CLOEXEC);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  if (int e = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data()); e != 0) {
    ADD_FAILURE() << "posix_spawn " << words[0] << ": "
                  << std::error_code(e, std::generic_category()).message();
    pid_ = -1;
  }
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  in_ = in[1];
  out_ = out[0];
  err_ = err[0];
}

bool child::read_some(int timeout_ms, bool only_ready) {
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  if (out_ < 0 && err_ < 0) return false;
  if (::poll(fds, 2, timeout_ms) <= 0) return !only_ready;
  if (fds[0].revents != 0) take(out_, result_.out);
  if (fds[1].revents != 0) take(err_, result_.err);
  return true;
}

child_result run_child(const std::string& program, std::vector<std::string> arguments,
                       child::environment extra, std::chrono::milliseconds timeout) {
  child c(program, std::move(arguments), std::move(extra));
  c.close_input();
  return c.wait(timeout);
}

long context_switches(int pid) {
  long sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream in(task.path() / "status");
    for (std::string line; std::getline(in, line);) {
      if (const auto at = line.find("ctxt_switches:"); at != std::string::npos)
        sum += std::atol(line.c_str() + at + 14);
    }
  }
  return sum;
}

}  // namespace gos_test
