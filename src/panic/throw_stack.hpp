// throw_stack: where a C++ exception was thrown, for a report that is made when its frames are gone.
//
// The unwinder first looks for a handler, with all frames still there, and asks each `catch` on the way whether its type fits.
// `catch (const passing_exception&)` never fits, but is asked: then it notes the stack. So it costs nothing where nothing is
// thrown, and where somebody further in catches. It stands before `catch (...)` in the frames that make panics of exceptions.
// Rejected: interposing __cxa_throw, which would note every exception that anybody catches; no handler in the outermost frame,
// so that the unwinder gives up at once with the stack intact: then no destructor would run.
#pragma once

#include <cstddef>
#include <exception>

#include "sched/goroutine.hpp"

namespace gos::rt {

// Nothing is of this type. Its type information is throw_stack.cpp's own: key() is defined nowhere.
class passing_exception {
  virtual void key();
};

// Where a goroutine's last exception was thrown that passed such a handler. Kept with the goroutine's record, used again.
struct throw_stack {
  const void* exception = nullptr;  // the object; compared only
  std::size_t depth = 0;
  void* frames[64];
};

// The stack of this exception, or null.
const throw_stack* throw_stack_of(const goroutine* gp, const std::exception_ptr& exception) noexcept;

}  // namespace gos::rt
