// See throw_stack.hpp.
//
// The class that asks is libstdc++'s, of a reserved name, and older than most of it: std::type_info::__do_catch has been
// part of the ABI from the beginning.
#include "panic/throw_stack.hpp"

#include <new>
#include <typeinfo>

#include "panic/panic_exception.hpp"
#include "panic/stack_trace.hpp"
#include "park/park.hpp"

namespace gos::rt {

namespace {

void note(const void* exception) noexcept {
  goroutine_extra& extra = goroutine_extra_of(*current_goroutine());
  auto* stack = static_cast<throw_stack*>(extra.throw_stack);
  if (stack == nullptr) {
    stack = new (std::nothrow) throw_stack;
    if (stack == nullptr) return;
    extra.throw_stack = stack;
  }
  // Thrown again by who handles it: the first place counts.
  if (stack->exception == exception && exception_object(std::current_exception()) == exception) return;
  stack->exception = exception;
  stack->depth = capture_stack(stack->frames, 64, 1);
}

}  // namespace

class passing_type final : public std::type_info {
 public:
  passing_type() noexcept : std::type_info("N3gos2rt17passing_exceptionE") {}
  bool __do_catch(const std::type_info* thrown, void** object, unsigned) const override {
    // Ours bring their stacks along; of a pointer we are given what it points to.
    if (*thrown == typeid(panic_exception) || *thrown == typeid(goexit_exception) || thrown->__is_pointer_p()) return false;
    note(*object);
    return false;
  }
};

// What the compiler takes for the type information of passing_exception.
extern const passing_type type_of_passing __asm__("_ZTIN3gos2rt17passing_exceptionE");
const passing_type type_of_passing;

const throw_stack* throw_stack_of(const goroutine* gp, const std::exception_ptr& exception) noexcept {
  if (gp->extra == nullptr || exception == nullptr) return nullptr;
  const auto* stack = static_cast<const throw_stack*>(gp->extra->throw_stack);
  return stack != nullptr && stack->exception == exception_object(exception) ? stack : nullptr;
}

}  // namespace gos::rt
