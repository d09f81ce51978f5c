// exception_record: a C++ exception as the value of a panic.
#pragma once

#include <exception>
#include <gossamer/detail/panic_record.hpp>
#include <string>
#include <typeinfo>

namespace gos::rt {

// Upcall slot: the text of an exception of a type that a component above knows. Called inside a catch block; rethrows to look.
using exception_text_function = bool (*)(std::string& text);
extern exception_text_function exception_text;

class exception_record final : public detail::panic_record {
 public:
  exception_record(std::exception_ptr exception, const std::type_info* type) noexcept;

  std::string text() const override;  // what(), or what panic_text says of the common types
  const void* find(const std::type_info& type) const noexcept override;
  [[noreturn]] void raise() const override;
  bool equals(const panic_record& other) const override;  // the same exception object
  std::string causes() const;  // of a std::nested_exception: `\ncaused by: ...` for each

 private:
  std::exception_ptr exception_;
  const std::type_info* type_;
};

}  // namespace gos::rt
