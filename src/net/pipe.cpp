// pipe: two connected ends in memory.
//
// Each direction has at most one write in progress, which offers its bytes where they lie; reads take from there under the
// pipe's lock. The writer leaves when all has been taken, or when it withdraws the offer.
//
// INV1 All state is guarded by the pipe's lock, deadlines too; every change that may end a wait notifies. So who waits judges
//      for itself, as with sockets: closed first, then the deadline, then whether there is something.
// INV2 `offer` points into a writer that is inside; it is taken away under the lock before that writer leaves.
// INV3 close() returns when nobody is inside its end; the last handle deletes both.
// Rejected: a socketpair, which has buffers and costs two descriptors; poll_desc without a descriptor, whose slots and timers
// are made for events from outside.
// Source: Go net/pipe.go; contract NF-23.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>

#include <gossamer/condition_variable.hpp>
#include <gossamer/net.hpp>

#include "base/race.hpp"
#include "io/descriptor.hpp"
#include "net/stream.hpp"

namespace gos::rt {

namespace {

struct memory_pipe;

// From one end to the other. Under the pipe's lock.
struct one_way {
  std::span<const std::byte> offer;
  bool writing = false;  // a write is in progress; offer is its
  bool ended = false;    // by the writing end: after it, end of file
  bool refused = false;  // by the reading end: nobody will take anything
  condition_variable offered, taken;  // notified for the reading end, and for the writing one
};

class memory_end final : public stream {
 public:
  void belongs_to(memory_pipe& pipe, one_way& in, one_way& out) noexcept {
    pipe_ = &pipe;
    in_ = &in;
    out_ = &out;
  }

  result<std::size_t> read_some(std::byte* buffer, std::size_t size) override;
  result<std::size_t> write_some(const std::byte* data, std::size_t size) override {
    const std::span piece(data, size);
    return write(std::span(&piece, 1), true);
  }
  result<std::size_t> write_all(const std::byte* data, std::size_t size) override {
    const std::span piece(data, size);
    return write(std::span(&piece, 1), false);
  }
  result<std::size_t> write_pieces(pieces data) override { return write(data, false); }
  result<void> shut_down(int how) override;
  result<void> set_deadlines(bool read, bool write, std::optional<time_point> when) override;
  result<void> close() override;
  void retire() noexcept override;
  net::endpoint local() const override { return {}; }
  net::endpoint remote() const override { return {}; }
  error failure(std::string_view operation, std::error_code code, const char*, std::size_t transferred) const override {
    if (code == io_errc::closed_pipe && transferred == 0) return code;
    return {code, code == io_errc::closed_pipe ? std::string() : std::string(operation) + " pipe", {}, transferred};
  }

 private:
  struct visit;

  result<std::size_t> write(pieces data, bool some);
  void finish(int how);
  std::error_code wait(std::unique_lock<mutex>& held, condition_variable& change, time_point deadline);
  std::error_code wait_readable(std::unique_lock<mutex>& held);
  template <class Done>
  std::error_code wait_written(std::unique_lock<mutex>& held, Done done);

  memory_pipe* pipe_ = nullptr;
  one_way* in_ = nullptr;
  one_way* out_ = nullptr;
  // Under the pipe's lock. time_point::max(): none.
  time_point read_deadline_ = time_point::max(), write_deadline_ = time_point::max();
  bool closed_ = false;
  int inside_ = 0;
  condition_variable empty_;  // inside_ has become 0
};

struct memory_pipe {
  mutex lock;
  one_way ways[2];
  memory_end ends[2];
  int handles = 2;  // under lock
};

// An operation inside an end: holds the lock, but for waits.
struct memory_end::visit {
  explicit visit(memory_end& e) : end(e), held(e.pipe_->lock) { ++end.inside_; }
  ~visit() {
    if (--end.inside_ == 0) end.empty_.notify_all();
  }
  memory_end& end;
  std::unique_lock<mutex> held;
};

bool passed(time_point deadline) noexcept {
  return deadline != time_point::max() && deadline <= std::chrono::steady_clock::now();
}

// Waits for one change.
std::error_code memory_end::wait(std::unique_lock<mutex>& held, condition_variable& change, time_point deadline) {
  if (passed(deadline)) return io_errc::timeout;
  if (deadline == time_point::max()) {
    change.wait(held);
  } else {
    static_cast<void>(change.wait_until(held, deadline));
  }
  return {};
}

// Until there is an offer or the end of the file.
std::error_code memory_end::wait_readable(std::unique_lock<mutex>& held) {
  for (;;) {
    if (closed_) return io_errc::closed_pipe;
    if (passed(read_deadline_)) return io_errc::timeout;
    if (!in_->offer.empty() || in_->ended || in_->refused) return {};
    if (const auto cause = wait(held, in_->offered, read_deadline_)) return cause;
  }
}

template <class Done>
std::error_code memory_end::wait_written(std::unique_lock<mutex>& held, Done done) {
  for (;;) {
    if (done()) return {};
    if (closed_ || out_->ended || out_->refused) return io_errc::closed_pipe;
    if (const auto cause = wait(held, out_->taken, write_deadline_)) return cause;
  }
}

result<std::size_t> memory_end::read_some(std::byte* buffer, std::size_t size) {
  visit here(*this);
  if (size == 0 && !closed_) return 0;
  if (const auto cause = wait_readable(here.held)) return std::unexpected(failure("read", cause, nullptr, 0));
  if (in_->refused) return 0;
  const std::size_t n = std::min(size, in_->offer.size());  // 0: end of file
  if (n == 0) return 0;
  race_acquire(in_);  // what the writer wrote into its buffer
  std::memcpy(buffer, in_->offer.data(), n);
  race_release(in_);
  in_->offer = in_->offer.subspan(n);
  in_->taken.notify_all();
  return n;
}

result<std::size_t> memory_end::write(pieces data, bool some) {
  visit here(*this);
  std::size_t done = 0;
  std::error_code cause;
  if (closed_ || out_->ended) cause = io_errc::closed_pipe;
  if (!cause && passed(write_deadline_)) cause = io_errc::timeout;
  if (!cause) cause = wait_written(here.held, [this] { return !out_->writing; });
  if (cause) return std::unexpected(failure("write", cause, nullptr, 0));
  out_->writing = true;
  for (const auto piece : data) {
    if (piece.empty()) continue;
    race_release(out_);
    out_->offer = piece;
    out_->offered.notify_all();
    cause = wait_written(here.held, [&] { return out_->offer.empty() || (some && out_->offer.size() < piece.size()); });
    done += piece.size() - out_->offer.size();
    out_->offer = {};
    race_acquire(out_);  // the readers are done with it
    if (cause || (some && done > 0)) break;
  }
  out_->writing = false;
  out_->taken.notify_all();  // the next writer
  if (cause && !(some && done > 0)) return std::unexpected(failure("write", cause, nullptr, done));
  return done;
}

result<void> memory_end::shut_down(int how) {
  visit here(*this);
  if (closed_) return std::unexpected(failure("close", io_errc::closed_pipe, nullptr, 0));
  finish(how);
  return {};
}

// The lock is held.
void memory_end::finish(int how) {
  if (how != SHUT_RD) out_->ended = true;
  if (how != SHUT_WR) in_->refused = true;
  for (one_way* way : {in_, out_}) {
    way->offered.notify_all();
    way->taken.notify_all();
  }
}

result<void> memory_end::set_deadlines(bool read, bool write, std::optional<time_point> when) {
  visit here(*this);
  if (closed_) return std::unexpected(failure("set", io_errc::closed_pipe, nullptr, 0));
  const time_point deadline = when && *when != time_point{} ? *when : time_point::max();
  if (read) read_deadline_ = deadline;
  if (write) write_deadline_ = deadline;
  in_->offered.notify_all();
  out_->taken.notify_all();
  return {};
}

result<void> memory_end::close() {
  std::unique_lock held(pipe_->lock);
  if (closed_) return std::unexpected(failure("close", io_errc::closed_pipe, nullptr, 0));
  closed_ = true;
  finish(SHUT_RDWR);
  empty_.wait(held, [this] { return inside_ == 0; });
  return {};
}

void memory_end::retire() noexcept {
  static_cast<void>(close());
  memory_pipe* const pipe = pipe_;
  bool last = false;
  race_release(pipe);
  {
    const std::lock_guard held(pipe->lock);
    last = --pipe->handles == 0;
  }
  if (!last) return;
  race_acquire(pipe);  // the lock orders it
  delete pipe;
}

}  // namespace

}  // namespace gos::rt

namespace gos::net {

std::pair<pipe_conn, pipe_conn> pipe() {
  auto* const made = new rt::memory_pipe;  // deleted by the last retire()
  made->ends[0].belongs_to(*made, made->ways[1], made->ways[0]);
  made->ends[1].belongs_to(*made, made->ways[0], made->ways[1]);
  return {pipe_conn(&made->ends[0]), pipe_conn(&made->ends[1])};
}

}  // namespace gos::net
