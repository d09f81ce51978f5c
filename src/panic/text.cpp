// See include/gossamer/detail/panic_text.hpp.
#include <charconv>
#include <cstdio>
#include <gossamer/detail/panic_text.hpp>
#include <sstream>

#include "panic/symbols.hpp"

namespace gos::detail {

namespace {
template <class Number>
std::string shortest(Number number) {
  char text[64];
  const std::to_chars_result end = std::to_chars(text, text + sizeof text, number);
  return std::string(text, end.ec == std::errc{} ? end.ptr : text);
}
}  // namespace

std::string type_name(const std::type_info& type) { return rt::demangle(type.name()); }

std::string text_of_address(const std::type_info& type, const void* where) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", where);
  return "(" + type_name(type) + ") " + text;
}

std::string text_of_number(float number) { return shortest(number); }
std::string text_of_number(double number) { return shortest(number); }
std::string text_of_number(long double number) { return shortest(number); }

std::string text_of_stream(void (*print)(std::ostream& out, const void* value), const void* value) {
  std::ostringstream out;
  print(out, value);
  return std::move(out).str();
}

}  // namespace gos::detail
