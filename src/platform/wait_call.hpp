// wait_call: calls a function that may switch stacks while it runs, so that its return is predicted.
//
// A processor predicts a `ret` to go where the last open `call` came from. After a switch that was a call of another goroutine, so
// the return from a wait is predicted wrong: 20 cycles for each goroutine that is continued. Called through here it returns to
// one and the same place, whoever waits (so the prediction is right also when another goroutine's call is what is remembered),
// and goes on to its caller by an indirect jump, which has a predictor of its own.
//
// To be called in tail position (`return wait_call(...)`), from the frame that the user called.
// On other architectures than x86-64, and unoptimised, it is a plain call.
// Rejected: correcting the predictor's memory at a switch (it can only be filled by calls).
#pragma once

#include <type_traits>

namespace gos::rt {

#if defined(__x86_64__)
void wait_call_stub();  // in wait_call_x86_64.S; named as C++ would, so that stack traces know it for one of ours
#endif

// Arguments as the machine passes them: words, pointers, references.
template <class R, class A, class B, class C, class D>
[[gnu::always_inline]] inline R wait_call(R (*wait)(A, B, C, D), std::type_identity_t<A> a, std::type_identity_t<B> b,
                                          std::type_identity_t<C> c, std::type_identity_t<D> d) {
#if defined(__x86_64__)
  using stub = R (*)(A, B, C, D, R (*)(A, B, C, D));
  return reinterpret_cast<stub>(&wait_call_stub)(a, b, c, d, wait);
#else
  return wait(a, b, c, d);
#endif
}

}  // namespace gos::rt
