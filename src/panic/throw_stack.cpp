// See throw_stack.hpp.
//
// The class that asks is libstdc++'s, of a reserved name, and older than most of it: std::type_info::__do_catch has been
// part of the ABI from the beginning.
#include "panic/throw_stack.hpp"

#include <new>
#include <typeinfo>

#include "panic/panic_exception.hpp"
#include "park/park.hpp"
#include "platform/unwind.hpp"

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
  stack->depth = unwind_here(stack->frames, 64, 1);
}

}  // namespace

// Its object is made in passing_type.S.
class passing_type final : public std::type_info {
 public:
  bool __do_catch(const std::type_info* thrown, void** object, unsigned outer) const override;
};

bool passing_type::__do_catch(const std::type_info* thrown, void** object, unsigned) const {
  // Ours bring their stacks along; of a pointer we are given what it points to.
  if (*thrown == typeid(panic_exception) || *thrown == typeid(goexit_exception) || thrown->__is_pointer_p()) return false;
  note(*object);
  return false;
}

const throw_stack* throw_stack_of(const goroutine* gp, const std::exception_ptr& exception) noexcept {
  if (gp->extra == nullptr || exception == nullptr) return nullptr;
  const auto* stack = static_cast<const throw_stack*>(gp->extra->throw_stack);
  return stack != nullptr && stack->exception == exception_object(exception) ? stack : nullptr;
}

}  // namespace gos::rt
