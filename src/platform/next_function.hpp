// next_function: the definition behind ours, for code that stands before functions of the C library.
//
// INV1 The definitions are looked up when the program or library is loaded, with one thread in the process; or by a call that
//      comes before that, from another library's initialisation. What the look-up itself calls on that thread (an allocator
//      that locks) is let through without having done anything: nobody else is there yet.
#pragma once

#include <dlfcn.h>

#include <atomic>

namespace gos::rt {

// Where there are two versions, a look-up by name alone may find the first, whose condition variables are of another layout.
#if defined(__x86_64__)
inline constexpr const char* next_condition_version = "GLIBC_2.3.2";
#else
inline constexpr const char* next_condition_version = nullptr;
#endif

// In glibc's static TLS block, which needs no allocation.
inline __attribute__((tls_model("initial-exec"))) thread_local bool looking_up_next = false;

// The next definition of a function, of a version or (null) of any. Not noexcept when it is called: a thread may be cancelled
// there.
template <class R, class... A> class next_function_of {
 public:
  explicit constexpr next_function_of(const char* name, const char* version = nullptr) noexcept
      : name_(name), version_(version) {}
  next_function_of(const next_function_of&) = delete;
  next_function_of& operator=(const next_function_of&) = delete;

  R operator()(A... arguments) {
    auto* found = found_.load(std::memory_order_relaxed);  // relaxed: code is not published by it
    if (__builtin_expect(found == nullptr, 0)) {
      found = look_up();
      if (found == nullptr) return R{};  // INV1
    }
    return found(arguments...);
  }

  // Null: inside a look-up of this very thread, or there is none.
  R (*look_up() noexcept)(A...) {
    if (looking_up_next) return nullptr;
    looking_up_next = true;
    void* symbol = version_ != nullptr ? ::dlvsym(RTLD_NEXT, name_, version_) : ::dlsym(RTLD_NEXT, name_);
    auto* found = reinterpret_cast<R (*)(A...)>(symbol);
    looking_up_next = false;
    found_.store(found, std::memory_order_relaxed);  // relaxed: all who look find the same
    return found;
  }

 private:
  const char* name_;
  const char* version_;
  std::atomic<R (*)(A...)> found_{nullptr};
};

// As in next_function(&::read, "read"): the type is that of ours.
template <class R, class... A>
consteval next_function_of<R, A...> next_function(R (*)(A...), const char* name, const char* version = nullptr) noexcept {
  return next_function_of<R, A...>(name, version);
}

}  // namespace gos::rt
