// See crash.hpp.
#include "report/crash.hpp"

#include <cstdio>
#include <iterator>
#include <string>

#include "base/traceback.hpp"
#include "panic/stack_trace.hpp"
#include "platform/unwind.hpp"
#include "report/dump.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

void to_error(const char* text, std::size_t size, void*) { write_error(text, size); }

// The header of the calling goroutine's stack.
void write_header(const goroutine* gp) noexcept {
  char text[96];
  const bool named = gp->extra != nullptr && gp->extra->name[0] != '\0';
  std::snprintf(text, sizeof text, "\ngoroutine %llu [running]:%s%s\n", static_cast<unsigned long long>(gp->id),
                named ? " " : "", named ? gp->extra->name : "");
  write_error(text);
}

// In pieces: memory may be exhausted.
[[gnu::noinline]] void describe_goroutine(const goroutine* gp) noexcept {
  crash_stack here;
  const crash_stack* stack = &crashed_stack;
  if (gp == nullptr) {
    if (!on_goroutine()) return;
    gp = current_goroutine();
    write_header(gp);
    here.depth = unwind_here(here.frames, std::size(here.frames), 2);
    stack = &here;
  }
  const std::string text = describe_stack(stack->frames, stack->depth);
  if (text.empty()) write_addresses(stack->frames, stack->depth);
  write_error(text.data(), text.size());
  const std::string creator = describe_creator(gp->spawn_pc, gp->parent_id);
  write_error(creator.data(), creator.size());
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
