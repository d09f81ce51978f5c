// See exception_record.hpp.
#include "panic/exception_record.hpp"

#include <cxxabi.h>
#include <expected>
#include <system_error>
#include <utility>

#include "panic/panic_exception.hpp"

namespace gos::rt {

exception_text_function exception_text = nullptr;

namespace {

// Inside a catch block: what standard types and those of a component say of themselves.
std::string text_of_exception(const std::exception& e) {
  std::string text;
  if (exception_text != nullptr && exception_text(text)) return text;
  try {
    throw;
  } catch (const std::bad_expected_access<std::error_code>& result) {
    return result.error().message();
  } catch (const std::bad_expected_access<std::string>& result) {
    return result.error();
  } catch (...) {
  }
  return e.what();
}

}  // namespace

exception_record::exception_record(std::exception_ptr exception, const std::type_info* type) noexcept
    : exception_(std::move(exception)), type_(type) {}

std::string exception_record::text() const {
  try {
    std::rethrow_exception(exception_);
  } catch (const std::exception& e) {
    return text_of_exception(e);
  } catch (const std::error_code& code) {
    return code.message();
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text != nullptr ? text : "(null)";
  } catch (bool value) {
    return detail::panic_text(value);
  } catch (char value) {
    return detail::panic_text(value);
  } catch (int value) {
    return detail::panic_text(value);
  } catch (unsigned value) {
    return detail::panic_text(value);
  } catch (long value) {
    return detail::panic_text(value);
  } catch (unsigned long value) {
    return detail::panic_text(value);
  } catch (double value) {
    return detail::panic_text(value);
  } catch (...) {
    return detail::text_of_address(*type_, exception_object(exception_));
  }
}

std::string exception_record::causes() const {
  std::string text;
  std::exception_ptr next = exception_;
  for (int depth = 0; next != nullptr && depth < 100; ++depth) {
    std::exception_ptr cause;
    const std::type_info* type = nullptr;
    try {
      std::rethrow_exception(next);
    } catch (const std::nested_exception& nested) {
      cause = nested.nested_ptr();
    } catch (...) {
    }
    if (cause == nullptr) break;
    try {
      std::rethrow_exception(cause);
    } catch (...) {
      type = abi::__cxa_current_exception_type();
    }
    text += "\ncaused by: " + exception_record(cause, type).text();
    next = cause;
  }
  return text;
}

const void* exception_record::find(const std::type_info& type) const noexcept {
  return type == *type_ ? exception_object(exception_) : nullptr;
}

void exception_record::raise() const { std::rethrow_exception(exception_); }

bool exception_record::equals(const panic_record& other) const {
  const auto* theirs = dynamic_cast<const exception_record*>(&other);
  return theirs != nullptr && theirs->exception_ == exception_;
}

}  // namespace gos::rt
