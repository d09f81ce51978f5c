// See crash.hpp.
#include "report/crash.hpp"

#include <iterator>
#include <string>

#include "base/traceback.hpp"
#include "panic/stack_trace.hpp"
#include "report/dump.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

void to_error(const char* text, std::size_t size, void*) { write_error(text, size); }

[[gnu::noinline]] void describe_calling_goroutine() {
  void* frames[64];
  const std::size_t depth = capture_stack(frames, std::size(frames), 3);
  const std::string text = "\n" + describe_caller(frames, depth, traceback() >= traceback_level::system);
  write_error(text.data(), text.size());
}

// Of one that overflowed its stack only who started it is known.
void describe_goroutine(const goroutine* gp) {
  if (gp != nullptr) {
    const std::string text = describe_creator(gp->spawn_pc, gp->parent_id);
    write_error(text.data(), text.size());
  } else if (on_goroutine()) {
    describe_calling_goroutine();
  }
}

}  // namespace

void describe_crash(const void* which, crash_part part) noexcept {
  const auto* gp = static_cast<const goroutine*>(which);
  const bool live = part == crash_part::everybody;
  try {
    if (part == crash_part::the_goroutine) return describe_goroutine(gp);
    if (gp == nullptr && on_goroutine()) gp = current_goroutine();
    write_dump({.omit = gp,
                .running_stacks = live || traceback() == traceback_level::crash,
                .runtime_frames = traceback() >= traceback_level::system},
               live, to_error, nullptr);
  } catch (...) {
    write_error("(out of memory: what is missing here could not be found out)\n");
  }
}

}  // namespace gos::rt
