// process: other programs, started without a shell, whose streams and whose end a goroutine waits for without a thread.
//
//   auto log = gos::process::output({.arguments = {"git", "log", "-1"}});
//   if (!log) std::puts(log.error().message().c_str());   // exec: "git": executable file not found in $PATH
//   else if (log->status.success()) show(log->out);
//
//   using gos::process::stream;
//   auto sort = gos::process::start({.arguments = {"sort"}, .in = stream::pipe(), .out = stream::pipe()});
//   if (!sort) return;
//   sort->in().write_all("b\na\n");
//   sort->in().close();
//   show(*sort->out().read_all());   // "a\nb\n"
//   sort->wait();                    // exit status 0
//
// Programs inherit the descriptors that the caller has left open for them (FD_CLOEXEC not set) and no others; all that this
// library opens are closed there. They begin with the caller's signal mask; signals with a handler have their default effect.
//
// May be called from any goroutine or plain thread. Expected failures are values; nothing here throws but std::bad_alloc.
// Nothing becomes a zombie: a program whose handle was dropped is taken leave of by the runtime when it ends.
// Source: Go os/exec, os.Process; docs/processes.md.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/detail/limit.hpp>
#include <gossamer/error.hpp>
#include <gossamer/fd.hpp>

namespace gos {

namespace rt {
class pipe_fd;
struct process_record;
}  // namespace rt

namespace process {

// Where a standard stream of a program leads.
class stream {
 public:
  enum class kind : unsigned char { usual, null, inherit, pipe, descriptor, text, output };

  // The usual: input from /dev/null, output and errors to the caller's own. output() collects what has the usual streams.
  stream() noexcept = default;
  static stream null() { return stream(kind::null); }        // /dev/null
  static stream inherit() { return stream(kind::inherit); }  // the caller's own
  // A pipe, whose other end is child::in(), out() or err().
  static stream pipe() { return stream(kind::pipe); }
  // The file behind a descriptor of the caller, which must be open until the program has started.
  static stream descriptor(int fd) {
    stream s(kind::descriptor);
    s.fd_ = fd;
    return s;
  }
  // For input: this text, then end of file. It lies in an anonymous file: nobody has to write while the program reads.
  static stream text(std::string all) {
    stream s(kind::text);
    s.text_ = std::move(all);
    return s;
  }
  // For errors: wherever output leads, in the order in which it is written.
  static stream output() { return stream(kind::output); }

  kind which() const noexcept { return kind_; }
  int fd() const noexcept { return fd_; }
  const std::string& text() const noexcept { return text_; }

 private:
  explicit stream(kind k) noexcept : kind_(k) {}
  kind kind_ = kind::usual;
  int fd_ = -1;
  std::string text_;
};

// What to start.
struct command {
  // arguments[0] is the program, and its first argument: a path, or a name without a slash, which look_path() finds.
  std::vector<std::string> arguments = {};
  // The program, where it is not to be called by its own name.
  std::string program = {};
  // Where it begins; empty: where the caller is. A relative path to the program is one from there.
  std::string directory = {};
  // "NAME=value", all that it gets; none: the caller's own environment.
  std::optional<std::vector<std::string>> environment = {};
  stream in = {}, out = {}, err = {};
  // The program leads a process group of its own: Ctrl-C at the terminal does not reach it; kill(), signal() and a context that
  // ends reach all that it has started, unless that left the group.
  bool new_group = false;
};

// How a program ended. A value.
class exit_status {
 public:
  constexpr exit_status() noexcept = default;
  constexpr exit_status(int code, int signal, bool core_dumped) noexcept
      : code_(code), signal_(signal), core_dumped_(core_dumped) {}

  constexpr bool success() const noexcept { return code_ == 0; }
  constexpr int code() const noexcept { return code_; }      // -1: a signal ended it
  constexpr int signal() const noexcept { return signal_; }  // 0: it returned or called exit
  constexpr bool core_dumped() const noexcept { return core_dumped_; }
  std::string to_string() const;  // "exit status 1", "signal: killed", "signal: aborted (core dumped)"

  friend bool operator==(const exit_status&, const exit_status&) noexcept = default;

 private:
  int code_ = 0;
  int signal_ = 0;
  bool core_dumped_ = false;
};

// The caller's end of a pipe. Moves, and closes when it is destroyed. Any number of goroutines may call its functions at once,
// close() included; the handle must outlive these calls and not be moved during them. A moved-from one, and that of a stream
// that is no pipe, fails with std::errc::invalid_argument. Errors: `read |0: <cause>`, `write |1: broken pipe`; after close(),
// and in calls that it interrupts, io_errc::file_closed.
class pipe_end {
 public:
  pipe_end() noexcept = default;  // as if moved from
  explicit pipe_end(rt::pipe_fd* fd) noexcept : fd_(fd) {}
  pipe_end(pipe_end&& other) noexcept : fd_(std::exchange(other.fd_, nullptr)) {}
  pipe_end& operator=(pipe_end&& other) noexcept;
  ~pipe_end();

  // At least one byte, at most the buffer's size. 0: end of file, nobody has the other end any more; or an empty buffer.
  result<std::size_t> read_some(std::span<std::byte> buffer);
  result<std::size_t> read_some(std::span<char> buffer);
  // Everything until end of file.
  result<std::string> read_all();
  // As net::stream_base's. A pipe that nobody reads any more is an error, `broken pipe`, and no signal.
  result<std::size_t> write_some(std::span<const std::byte> data);
  result<std::size_t> write_some(std::string_view data);
  result<std::size_t> write_all(std::span<const std::byte> data);
  result<std::size_t> write_all(std::string_view data);

  // As net::stream_base's.
  result<void> close();
  result<void> set_deadline(std::optional<time_point> when);

  // -1 when closed. The descriptor stays the handle's; it is non-blocking.
  int native_handle() const;

 private:
  rt::pipe_fd* fd_ = nullptr;
};

// A program that was started. Moves. Destroying the handle closes the pipes, and leaves the program alone.
// wait, kill and signal may be called by several goroutines at once; the handle must outlive these calls and not be
// moved during them. A moved-from handle fails with std::errc::invalid_argument.
class child {
 public:
  child() noexcept = default;  // as if moved from
  child(rt::process_record* record, std::function<bool()> take_back, pipe_end in, pipe_end out, pipe_end err)
      : record_(record),
        take_back_(std::move(take_back)),
        in_(std::move(in)),
        out_(std::move(out)),
        err_(std::move(err)) {}
  child(child&& other) noexcept
      : record_(std::exchange(other.record_, nullptr)),
        take_back_(std::exchange(other.take_back_, nullptr)),
        in_(std::move(other.in_)),
        out_(std::move(other.out_)),
        err_(std::move(other.err_)) {}
  child& operator=(child&& other) noexcept;
  ~child();

  // The system's number of the process; somebody else's, perhaps, after its end has been waited for. -1 for a moved-from handle.
  int id() const noexcept;

  // Those that are pipes.
  pipe_end& in() noexcept { return in_; }
  pipe_end& out() noexcept { return out_; }
  pipe_end& err() noexcept { return err_; }

  // Waits for the end of the program, and returns it, as often as it is called. What the program wrote into a pipe can still
  // be read. Ordering: what the program did happens before the return.
  result<exit_status> wait() { return wait_for_end(nullptr, {}); }
  // For at most d: then fails with io_errc::timeout, `wait: i/o timeout`; the program goes on.
  template <any_duration D> result<exit_status> wait_for(const D& d) {
    const detail::select_arm limit = detail::limit_after(d);
    return wait_for_end(&limit, io_errc::timeout);
  }
  // Unless `stop` comes first: a context fails with its err(), a std::stop_token with std::errc::operation_canceled; the
  // program goes on.
  template <detail::stop_condition S> result<exit_status> wait(const S& stop) {
    return detail::wait_result_unless<exit_status>(
        stop, [this](const detail::select_arm* limit) { return wait_for_end(limit, {}); });
  }

  // Ends it at once (SIGKILL), or sends it any signal. Fails with `os: process already finished` (== std::errc::no_such_process)
  // once its end has been waited for.
  result<void> kill();
  result<void> signal(int number);

 private:
  result<exit_status> wait_for_end(const detail::select_arm* limit, std::error_code why);
  void drop() noexcept;

  rt::process_record* record_ = nullptr;
  std::function<bool()> take_back_;  // of the function that follows a context; by who first sees the end
  pipe_end in_, out_, err_;
};

// The file that a name stands for: the first executable one in the absolute folders of PATH; a name with a slash is returned as
// it is. Errors: `exec: "nosuch": executable file not found in $PATH`.
result<std::string> look_path(std::string_view name);

// Starts a program. On return it runs: what kept it from that is the error, `fork/exec /no/such: no such file or directory`,
// `fork/exec ./notes.txt: permission denied`, `chdir /no/such: no such file or directory`.
result<child> start(const command& what);
// The same, and kills it when ctx is over before its end has been waited for.
result<child> start(const command& what, const context& ctx);

// Starts a program and waits for its end. A status that is no success is no error.
// With a context: when that is over the program is killed, and the error is ctx.err().
result<exit_status> run(const command& what);
result<exit_status> run(const command& what, const context& ctx);

// The same, and returns what it wrote: output and errors, as far as they have the usual streams; with .err = stream::output()
// both together are `out`. Ends when nobody has these pipes any more, also what the program has left running.
struct collected {
  exit_status status;
  std::string out, err;
};
result<collected> output(const command& what);
result<collected> output(const command& what, const context& ctx);

}  // namespace process
}  // namespace gos
