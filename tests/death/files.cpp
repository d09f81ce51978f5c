// files: standard streams as a process finds them, and limits that a process cannot take back.
#include "modes.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>

#include <gossamer/file.hpp>

namespace {

void say(const std::string& text) {
  if (!gos::standard_error().write_all(text + '\n')) wrong("standard error");
}

// NF-21. Once a line has been read, and again until the end.
int reads_input() {
  return gos::run([] {
    const int flags = ::fcntl(0, F_GETFL);
    std::atomic<bool> has_read = false;
    auto reading = gos::spawn([&] {
      char buffer[64];
      const auto got = gos::standard_input().read_some(std::span<char>(buffer));
      has_read = true;
      return got ? std::string(buffer, *got) : got.error().message();
    });
    while (gos::runtime::stack_dump(true).find("[IO wait") == std::string::npos) gos::sleep(1ms);
    if (::fcntl(0, F_GETFL) != flags) wrong("the mode during the read");
    for (int i = 0; i < 100; ++i) {
      auto other = gos::spawn([] { gos::yield(); });
      other.join();
    }
    if (has_read) wrong("something was read");
    say("others run");
    say("read " + reading.join());
    if (::fcntl(0, F_GETFL) != flags) wrong("the mode after the read");
    gos::go([] {
      char buffer[64];
      static_cast<void>(gos::standard_input().read_some(std::span<char>(buffer)));
      wrong("the last read ended");
    });
    gos::sleep(5ms);
  });
}

// Standard output becomes a pipe that nobody reads.
void break_output() {
  std::signal(SIGPIPE, SIG_DFL);
  int ends[2];
  if (::pipe(ends) != 0 || ::dup2(ends[1], 1) != 1) wrong("pipe");
  ::close(ends[0]);
  ::close(ends[1]);
}

void write_output() {
  const auto wrote = gos::standard_output().write_all("into the void");
  say(wrote ? "written" : wrote.error().message());
}

int broken_output() {
  break_output();
  return gos::run(write_output);
}

int broken_output_ignored() {
  break_output();
  std::signal(SIGPIPE, SIG_IGN);
  return gos::run(write_output);
}

int broken_output_registered() {
  break_output();
  return gos::run([] {
    auto signals = gos::make_chan<int>(1);
    gos::notify(signals, SIGPIPE);
    write_output();
    if (signals.recv() == SIGPIPE) say("SIGPIPE");
    gos::stop_notify(signals);
  });
}

// With a limit of descriptors that is reached: errors, and all goes on when some are closed.
int no_descriptors() {
  // What the runtime needs for itself comes before.
  gos::run([] {
    auto [reader, writer] = std::move(*gos::pipe());
    auto reading = gos::spawn([&r = reader] {
      char byte[1];
      return r.read_some(std::span<char>(byte)).value();
    });
    gos::sleep(1ms);
    static_cast<void>(writer.write_all("x"));
    reading.join();
  });
  const rlimit few{.rlim_cur = 64, .rlim_max = 64};
  if (::setrlimit(RLIMIT_NOFILE, &few) != 0) wrong("setrlimit");
  return gos::run([] {
    std::vector<gos::file> open;
    std::vector<gos::error> refused;  // told later: UBSan needs a descriptor to look at an object
    while (refused.empty()) {
      auto one = gos::file::open("/dev/null");
      if (one) {
        open.push_back(std::move(*one));
      } else {
        refused.push_back(one.error());
      }
    }
    refused.push_back(gos::pipe().error());
    refused.push_back(gos::read_directory("/").error());
    open.clear();
    for (const gos::error& e : refused) say(e.message());
    say(gos::pipe() ? "again" : "still none");
  });
}

// Past the limit of a file's size: what fits is written, the rest is an error.
int file_too_large() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 10, .rlim_max = 10};
  auto file = gos::create_temporary("gos_too_large");
  if (!file || ::setrlimit(RLIMIT_FSIZE, &small) != 0) wrong("setrlimit");
  static_cast<void>(gos::remove(file->name()));
  return gos::run([&] {
    const auto wrote = file->write_all("twenty bytes of text");
    if (wrote || wrote.error() != std::errc::file_too_large) wrong("no error");
    say("written " + std::to_string(wrote.error().transferred()) + " of " +
        std::to_string(file->size().value()));
  });
}

// As in a sandbox: the system call fails with EPERM, in all threads that come.
void forbid(unsigned call) {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{.len = std::size(program), .filter = program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    wrong("prctl");
}

int without_io_uring(unsigned call) {
  forbid(call);
  return gos::run([] {
    auto file = gos::create_temporary("/var/tmp/gos_without_io_uring");
    if (!file || !gos::remove(file->name())) wrong("create_temporary");
    std::string text(1 << 20, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 >> 8);
    if (!file->write_all(text) || !file->sync()) wrong("written");
    if (::posix_fadvise(file->native_handle(), 0, 0, POSIX_FADV_DONTNEED) != 0) wrong("fadvise");
    std::string got(4096, '\0');
    for (std::size_t at = 0; at < text.size(); at += 7 * got.size()) {
      if (!file->read_at(at, std::span(got)) || text.compare(at, got.size(), got) != 0) wrong("read");
    }
    say("all read");
  });
}

}  // namespace

int main(int argc, char** argv) {
  return run_mode({{"reads_input", reads_input},
                   {"broken_output", broken_output},
                   {"broken_output_ignored", broken_output_ignored},
                   {"broken_output_registered", broken_output_registered},
                   {"no_descriptors", no_descriptors},
                   {"file_too_large", file_too_large},
                   {"without_io_uring_setup", [] { return without_io_uring(SYS_io_uring_setup); }},
                   {"without_io_uring_register", [] { return without_io_uring(SYS_io_uring_register); }},
                   {"without_io_uring_enter", [] { return without_io_uring(SYS_io_uring_enter); }}},
                  argc, argv);
}
