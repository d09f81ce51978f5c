// start: from what is to be run to a running process; and running to the end, with what was written.
//
// All that the child gets is opened here, so what cannot be had is known, by name, before there is a child.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <gossamer/chan.hpp>
#include <gossamer/context.hpp>
#include <gossamer/detail/spawn.hpp>
#include <gossamer/go.hpp>
#include <gossamer/process.hpp>

#include "context/follow.hpp"
#include "process/pipe.hpp"
#include "process/record.hpp"
#include "process/system.hpp"

extern char** environ;

namespace gos::process {

namespace {

using rt::descriptor;
using rt::spawn_plan;
namespace kernel_calls = rt::kernel_calls;

std::unexpected<error> failed(int number, std::string_view context, std::string_view cause = {}) {
  return std::unexpected(error(std::error_code(number, std::system_category()), context, cause));
}

bool has_nul(std::string_view text) noexcept { return text.find('\0') != std::string_view::npos; }

// argv or envp of these texts, which must outlive it.
class c_strings {
 public:
  explicit c_strings(const std::vector<std::string>& all) {
    pointers_.reserve(all.size() + 1);
    for (const std::string& each : all) {
      pointers_.push_back(const_cast<char*>(each.c_str()));
      valid_ = valid_ && !has_nul(each);
    }
    pointers_.push_back(nullptr);
  }
  bool valid() const noexcept { return valid_; }
  char* const* get() const noexcept { return pointers_.data(); }

 private:
  std::vector<char*> pointers_;
  bool valid_ = true;
};

// One of the three streams: what the child gets, and our end if it is a pipe.
struct stream_ends {
  int plan = spawn_plan::as_is;
  descriptor theirs;
  descriptor ours;

  // Takes what was opened for the child, out of the way of its streams.
  result<void> give(descriptor made, const char* call) {
    if (made.get() >= 0 && made.get() <= STDERR_FILENO) {
      made = descriptor(kernel_calls::duplicate_beyond_streams(made.get()));
      call = "dup";
    }
    if (made.get() < 0) return failed(-made.get(), call);
    plan = made.get();
    theirs = std::move(made);
    return {};
  }

  result<void> open(const stream& s, int number) {
    switch (s.which()) {
      case stream::kind::usual:
        if (number == STDIN_FILENO) plan = spawn_plan::null_device;
        return {};
      case stream::kind::inherit:
        return {};
      case stream::kind::null:
        plan = spawn_plan::null_device;
        return {};
      case stream::kind::output:
        if (number != STDERR_FILENO) return failed(EINVAL, "start", "only errors can lead where output does");
        plan = spawn_plan::as_output;
        return {};
      case stream::kind::descriptor:
        if (s.fd() > STDERR_FILENO) {
          plan = s.fd();
          return {};
        }
        return give(descriptor(kernel_calls::duplicate_beyond_streams(s.fd())), "dup");
      case stream::kind::text:
        if (number != STDIN_FILENO) return failed(EINVAL, "start", "a text is for input");
        return give(descriptor(kernel_calls::make_text_file(s.text().data(), s.text().size())),
                    "memfd_create");
      case stream::kind::pipe:
        break;
    }
    int ends[2];
    if (const int got = kernel_calls::make_pipe(ends); got < 0) return failed(-got, "pipe2");
    const int here = number == STDIN_FILENO ? 1 : 0;
    ours = descriptor(ends[here]);
    return give(descriptor(ends[1 - here]), "pipe2");
  }

  pipe_end end(int number) {
    if (ours.get() < 0) return {};
    return pipe_end(rt::pipe_fd::open(ours.release(),
                                      number == STDIN_FILENO ? rt::direction::write : rt::direction::read));
  }
};

// The process, and what is closed when it has them.
struct started {
  rt::process_record* record = nullptr;
  pipe_end ends[3];
};

struct retire_record {
  void operator()(rt::process_record* record) const noexcept { record->retire(); }
};

result<started> start_now(const command& what) {
  if (what.arguments.empty()) return failed(EINVAL, "exec", "no command");
  auto path = look_path(what.program.empty() ? what.arguments[0] : what.program);
  if (!path) return std::unexpected(std::move(path.error()));
  const std::string context = "fork/exec " + *path;
  const c_strings arguments(what.arguments);
  const std::vector<std::string> none;
  const c_strings environment(what.environment ? *what.environment : none);
  if (has_nul(*path) || !arguments.valid() || !environment.valid() || has_nul(what.directory)) {
    return failed(EINVAL, context);
  }

  spawn_plan plan{.path = path->c_str(),
                  .arguments = arguments.get(),
                  .environment = what.environment ? environment.get() : environ,
                  .new_group = what.new_group};
  stream_ends ends[3];
  const stream* const streams[3] = {&what.in, &what.out, &what.err};
  for (int i = 0; i < 3; ++i) {
    if (auto opened = ends[i].open(*streams[i], i); !opened)
      return std::unexpected(std::move(opened.error()));
    plan.streams[i] = ends[i].plan;
  }
  stream_ends directory;
  if (!what.directory.empty()) {
    descriptor opened(kernel_calls::open_directory(what.directory.c_str()));
    if (opened.get() < 0) return failed(-opened.get(), "chdir " + what.directory);
    if (auto given = directory.give(std::move(opened), "dup"); !given)
      return std::unexpected(std::move(given.error()));
    plan.directory = directory.plan;
  }

  started made;
  for (int i = 0; i < 3; ++i) made.ends[i] = ends[i].end(i);
  pid_t pid = 0;
  {
    detail::blocking_scope blocks;
    pid = kernel_calls::spawn(plan);
  }
  if (pid < 0) return failed(-pid, context);
  auto record = rt::process_record::open(pid, what.new_group);
  if (!record) return std::unexpected(std::move(record.error()));
  made.record = *record;
  return made;
}

// `what` with pipes for the streams that have the usual ones.
command with_pipes(command what) {
  for (stream* s : {&what.out, &what.err}) {
    if (s->which() == stream::kind::usual) *s = stream::pipe();
  }
  return what;
}

// Reads one of a program's pipes, if it is one, to its end. After a failure nobody reads on, which the program shall know.
result<void> collect(pipe_end& from, std::string& into) noexcept {
  if (from.native_handle() < 0) return {};
  result<std::string> all;
  try {
    all = from.read_all();
  } catch (const std::bad_alloc&) { all = std::unexpected(error(std::errc::not_enough_memory)); }
  if (all) {
    into = std::move(*all);
    return {};
  }
  static_cast<void>(from.close());
  return std::unexpected(std::move(all.error()));
}

// The error when a context has ended a program.
std::unexpected<error> given_up(const context& ctx, const command& what) {
  return std::unexpected(error(ctx.err(), what.arguments[0]));
}

}  // namespace

result<std::string> look_path(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::string(name);
  detail::blocking_scope blocks;
  const char* const path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty() && !name.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (!folder.starts_with('/')) continue;
    std::string file(folder);
    file.append("/").append(name);
    if (kernel_calls::is_executable(file.c_str()) == 0) return file;
  }
  return failed(ENOENT, "exec: \"" + std::string(name) + '"', "executable file not found in $PATH");
}

result<child> start(const command& what, const context& ctx) {
  if (ctx.err() && !what.arguments.empty()) return given_up(ctx, what);
  auto made = start_now(what);
  if (!made) return std::unexpected(std::move(made.error()));
  std::unique_ptr<rt::process_record, retire_record> record(made->record);
  std::function<bool()> take_back;
  if (ctx.done()) {
    take_back = after_func(ctx, [record = record.get(), use = record->use()] {
      static_cast<void>(record->signal(SIGKILL, use));
    });
  }
  auto& [in, out, err] = made->ends;
  return child(record.release(), std::move(take_back), std::move(in), std::move(out), std::move(err));
}

result<child> start(const command& what) { return start(what, background()); }

result<exit_status> run(const command& what, const context& ctx) {
  auto started = start(what, ctx);
  if (!started) return std::unexpected(std::move(started.error()));
  auto ended = started->wait();
  if (ended && ended->signal() == SIGKILL && ctx.err()) return given_up(ctx, what);
  return ended;
}

result<exit_status> run(const command& what) { return run(what, background()); }

result<collected> output(const command& what, const context& ctx) {
  auto started = start(with_pipes(what), ctx);
  if (!started) return std::unexpected(std::move(started.error()));
  collected all;
  result<void> read[2];
  // What a killed program has left running may keep the other ends of the pipes.
  rt::follower closing(ctx, [&] {
    static_cast<void>(started->out().close());
    static_cast<void>(started->err().close());
  });
  const auto errors_read = make_chan<void>();
  detail::spawn_goroutine(nullptr, [&, errors_read] {
    read[1] = collect(started->err(), all.err);
    errors_read.close();
  });
  read[0] = collect(started->out(), all.out);
  errors_read.recv();
  const bool closed = closing.stop();
  auto ended = started->wait();
  if (closed || (ended && ended->signal() == SIGKILL && ctx.err())) return given_up(ctx, what);
  if (!ended) return std::unexpected(std::move(ended.error()));
  for (result<void>& each : read) {
    if (!each) return std::unexpected(std::move(each.error()));
  }
  all.status = *ended;
  return all;
}

result<collected> output(const command& what) { return output(what, background()); }

}  // namespace gos::process
