// See exception_record.hpp.
#include "panic/exception_record.hpp"

#include <system_error>
#include <utility>

#include "panic/panic_exception.hpp"

namespace gos::rt {

exception_record::exception_record(std::exception_ptr exception, const std::type_info* type) noexcept
    : exception_(std::move(exception)), type_(type) {}

std::string exception_record::text() const {
  try {
    std::rethrow_exception(exception_);
  } catch (const std::exception& e) {
    return e.what();
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

const void* exception_record::find(const std::type_info& type) const noexcept {
  return type == *type_ ? exception_object(exception_) : nullptr;
}

void exception_record::raise() const { std::rethrow_exception(exception_); }

bool exception_record::equals(const panic_record& other) const {
  const auto* theirs = dynamic_cast<const exception_record*>(&other);
  return theirs != nullptr && theirs->exception_ == exception_;
}

}  // namespace gos::rt
