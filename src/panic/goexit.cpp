// goexit: ends a goroutine by unwinding it. See include/gossamer/go.hpp.
#include <gossamer/detail/raise.hpp>
#include <gossamer/go.hpp>

#include "panic/panic_exception.hpp"
#include "panic/unhandled.hpp"
#include "park/park.hpp"

namespace gos {

void goexit() {
  if (!rt::on_goroutine()) detail::raise_runtime_error("goexit on a thread that is no goroutine");
  rt::watch_for_terminate();
  throw rt::goexit_exception();
}

}  // namespace gos
