// panic_record: the value of a panic behind a type-erased face, shared by everything that refers to it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <gossamer/detail/panic_text.hpp>

namespace gos::detail {

struct panic_record_access;  // of src/panic

// Counted. Immutable once it is thrown; the value inside is only ever handed out as const.
class panic_record {
 public:
  panic_record() = default;
  panic_record(const panic_record&) = delete;
  panic_record& operator=(const panic_record&) = delete;
  virtual ~panic_record();

  virtual std::string text() const = 0;
  // The value if its type is exactly this, else null.
  virtual const void* find(const std::type_info& type) const noexcept = 0;
  // Throws something from which value<T>() can tell whether the value derives from T; or returns.
  virtual void raise() const = 0;
  virtual bool equals(const panic_record& other) const = 0;

 private:
  friend struct panic_record_access;  // of src/panic

  std::uint32_t count_ = 1;  // atomic: its operations live in src/panic, where the race detector is told of them
  void** stack_ = nullptr;
  std::size_t stack_depth_ = 0;
  std::uint64_t goroutine_ = 0;
};

void panic_record_share(panic_record* record) noexcept;
void panic_record_drop(panic_record* record) noexcept;

template <class T>
class panic_record_of final : public panic_record {
 public:
  template <class U>
  explicit panic_record_of(U&& value) : value_(std::forward<U>(value)) {}

  std::string text() const override { return panic_text(value_); }
  const void* find(const std::type_info& type) const noexcept override {
    return type == typeid(T) ? std::addressof(value_) : nullptr;
  }
  void raise() const override {
    if constexpr (std::is_class_v<T> && !std::is_final_v<T>) throw std::addressof(value_);
  }
  bool equals(const panic_record& other) const override {
    if constexpr (std::equality_comparable<T>) {
      const void* theirs = other.find(typeid(T));
      return theirs != nullptr && static_cast<bool>(value_ == *static_cast<const T*>(theirs));
    } else {
      return this == &other;
    }
  }

 private:
  T value_;
};

// What misuse of the library panics with.
class runtime_error {
 public:
  explicit runtime_error(const char* text) noexcept : text_(text) {}
  const char* what() const noexcept { return text_; }
  friend bool operator==(const runtime_error& a, const runtime_error& b) noexcept {
    return std::string_view(a.text_) == b.text_;
  }

 private:
  const char* text_;  // a literal
};

// How a value is kept: text as std::string, so that it outlives the frames that are unwound.
template <class T>
using panic_stored =
    std::conditional_t<std::is_same_v<T, const char*> || std::is_same_v<T, char*> || std::is_same_v<T, std::string_view>,
                       std::string, T>;

// Takes over the record, captures the stack, throws.
[[noreturn]] void throw_panic(panic_record* record);
[[noreturn]] void throw_nil_panic();

}  // namespace gos::detail
