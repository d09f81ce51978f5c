// dump: all goroutines as text: who they are, what they wait on and since when, where they stand, who started them.
//
//   goroutine 18 [chan receive, 2 minutes]: worker
//   	waits on channel 0x55d0c8a0 (capacity 0, 0 buffered, open; 3 receive here, none sends), for 2 min 3 s
//   goroutine 19 [chan receive, 2 minutes]: worker
//   	waits on channel 0x55d0c8a0 (capacity 0, 0 buffered, open; 3 receive here, none sends), for 2 min 3 s
//   serve(gos::chan<job>)
//   	/home/me/server.cpp:31 +0x4c
//   created by main::{lambda()#1} in goroutine 1
//   	/home/me/server.cpp:57 +0x1d
//
// Goroutines with the same stack, state, reason and spawn site stand together: a header line and the line of what is waited on
// for each, the stack once. A dump is a snapshot without stopping anything: each goroutine at a moment of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "sched/inspect.hpp"

namespace gos::rt {

struct dump_options {
  const goroutine* omit = nullptr;  // one that is reported otherwise
  bool running_stacks = false;      // also where those are that run on other threads
  bool runtime_frames = false;      // also the runtime's own, and its threads
};

// Where a dump goes, piece by piece.
using dump_writer = void (*)(const char* text, std::size_t size, void* argument);

// Begins with an empty line unless `first`. Any thread, in user mode. Throws std::bad_alloc, before anything was written.
void write_dump(const dump_options& options, bool first, dump_writer write, void* argument);

// The calling goroutine, or plain thread. `frames` are its own; empty: it has none to show.
std::string describe_caller(void* const* frames, std::size_t depth, bool runtime_frames);

class gathered;
struct gathered_goroutine;

// A report about some of those that were gathered. What it has looked up it keeps.
class stuck_texts {
 public:
  explicit stuck_texts(const gathered& everybody);  // which must outlive it
  ~stuck_texts();
  stuck_texts(const stuck_texts&) = delete;
  stuck_texts& operator=(const stuck_texts&) = delete;

  // Header with ` (leaked)` if it is, `note` in a line of its own, what it waits on, stack, creator.
  std::string describe(const gathered_goroutine& one, bool leaked, const std::string& note, std::int64_t now_ns);

 private:
  struct known;
  const gathered& everybody_;
  const std::unique_ptr<known> known_;
};

std::string stuck_header(const goroutine_view& view, bool leaked, std::int64_t now_ns);
std::string duration_text(std::int64_t ns);

// `goroutine 7 [running]: name`, with a line end.
std::string goroutine_header(const goroutine_view& view, std::int64_t now_ns);

}  // namespace gos::rt
