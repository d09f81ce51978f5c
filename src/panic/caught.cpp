// caught: see include/gossamer/detail/caught.hpp.
#include <gossamer/detail/caught.hpp>

#include <cxxabi.h>
#include <exception>

#include "panic/body.hpp"
#include "panic/panic_exception.hpp"
#include "panic/panic_state.hpp"

namespace gos::detail {

bool caught_goexit() noexcept {
  // What is no C++ exception is thread cancellation.
  return std::current_exception() == nullptr || rt::current_exception_is_goexit();
}

panic_value caught_panic() noexcept {
  rt::failure f;
  f.exception = std::current_exception();
  f.type = abi::__cxa_current_exception_type();
  f.kind = *f.type == typeid(rt::panic_exception) ? rt::failure_kind::panic : rt::failure_kind::foreign;
  return rt::failure_value(f);
}

panic_value take_caught_panic() noexcept {
  panic_value value = caught_panic();
  rt::settle(std::current_exception());
  return value;
}

void die_of_caught() noexcept { rt::unhandled_exception(std::current_exception()); }

}  // namespace gos::detail
