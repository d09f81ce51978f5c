// panic_text: what a panic's value looks like in words.
//
// In this order: what(), message(), strings as they are, numbers as they are, enumerations as
// `Type(value)`, a free operator<<, else `(Type) address`. Source: Go runtime/error.go printpanicval;
// contract CR-03.
#pragma once

#include <concepts>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

namespace gos::detail {

// Implemented in src/panic/text.cpp.
std::string type_name(const std::type_info& type);                          // demangled
std::string text_of_address(const std::type_info& type, const void* where);  // (Type) 0x7f...
std::string text_of_number(float number);                                   // the shortest that reads back
std::string text_of_number(double number);
std::string text_of_number(long double number);
std::string text_of_stream(void (*print)(std::ostream& out, const void* value), const void* value);

template <class T>
concept has_what = requires(const T& v) {
  { v.what() } -> std::convertible_to<std::string_view>;
};
template <class T>
concept has_message = requires(const T& v) {
  { v.message() } -> std::convertible_to<std::string>;
};
template <class T>
concept has_error_code = std::is_enum_v<T> && requires(const T& v) {
  { make_error_code(v).message() } -> std::convertible_to<std::string>;
};
// Written as a call, so that only free functions count: the stream's members would take anything
// that converts to bool, and the answer would depend on whether <ostream> is included. For the same
// reason not for an enumeration that converts to char.
template <class T>
concept has_stream_output = !(std::is_enum_v<T> && std::is_convertible_v<T, int>) &&
                            requires(std::ostream& out, const T& v) { operator<<(out, v); };

template <class T>
std::string panic_text(const T& value) {
  if constexpr (has_what<T>) {
    return std::string(std::string_view(value.what()));
  } else if constexpr (has_message<T>) {
    return value.message();
  } else if constexpr (has_error_code<T>) {
    return make_error_code(value).message();
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string(static_cast<std::string_view>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    return std::string(1, value);
  } else if constexpr (std::is_integral_v<T> && sizeof(T) <= sizeof(long long)) {
    if constexpr (std::is_signed_v<T>) return std::to_string(static_cast<long long>(value));
    else return std::to_string(static_cast<unsigned long long>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    return text_of_number(value);
  } else if constexpr (has_stream_output<T>) {
    return text_of_stream([](std::ostream& out, const void* v) { operator<<(out, *static_cast<const T*>(v)); }, &value);
  } else if constexpr (std::is_enum_v<T>) {
    return type_name(typeid(T)) + "(" + panic_text(+static_cast<std::underlying_type_t<T>>(value)) + ")";
  } else if constexpr (std::is_pointer_v<T> && std::is_object_v<std::remove_pointer_t<T>>) {
    return text_of_address(typeid(T), const_cast<const void*>(static_cast<const volatile void*>(value)));
  } else {
    return text_of_address(typeid(T), static_cast<const void*>(std::addressof(value)));
  }
}

}  // namespace gos::detail
