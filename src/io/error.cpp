// error: the texts of failures, and the context that copies of an error share.
//
// A context is one heap object with a count of its owners. It is written once, before it is shared.
// Rejected: the text inside gos::error, which would make every result<T> a string wider; formatting it when asked, which
// would keep the descriptor's addresses alive.
#include <gossamer/error.hpp>

#include <atomic>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <new>

#include "base/race.hpp"
#include "panic/exception_record.hpp"

namespace gos {

namespace detail {

struct error_context {
  std::atomic<std::uint32_t> owners{1};
  std::size_t transferred = 0;
  std::string context;
  std::string cause;  // empty: the text of the code
};

void error_context_share(error_context* context) noexcept {
  // relaxed: the new owner got the pointer from an owner.
  context->owners.fetch_add(1, std::memory_order_relaxed);
}

void error_context_drop(error_context* context) noexcept {
  rt::race_release(context);
  // acq_rel: pairs with itself: what other owners read happens before the deletion.
  if (context->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  rt::race_acquire(context);
  delete context;
}

}  // namespace detail

namespace {

const char* io_text(io_errc e) noexcept {
  switch (e) {
    case io_errc::closed: return "use of closed network connection";
    case io_errc::file_closed: return "file already closed";
    case io_errc::closed_pipe: return "io: read/write on closed pipe";
    case io_errc::end_of_file: return "EOF";
    case io_errc::unexpected_end_of_file: return "unexpected EOF";
    case io_errc::timeout: return "i/o timeout";
    case io_errc::canceled: return "operation was canceled";
    case io_errc::no_deadline: return "file type does not support deadline";
    case io_errc::no_such_host: return "no such host";
    case io_errc::lookup_failed: return "server misbehaving";
    case io_errc::invalid_address: return "invalid address";
    case io_errc::unknown_port: return "unknown port";
    case io_errc::unknown_network: return "unknown network";
    case io_errc::line_too_long:
      return "line too long";
  }
  return "unknown i/o error";
}

class io_category_type final : public std::error_category {
 public:
  const char* name() const noexcept override { return "gossamer.io"; }
  std::string message(int value) const override { return io_text(static_cast<io_errc>(value)); }

  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<io_errc>(value)) {
      case io_errc::closed:
      case io_errc::file_closed:
      case io_errc::closed_pipe: return std::errc::bad_file_descriptor;
      case io_errc::timeout: return std::errc::timed_out;
      case io_errc::canceled: return std::errc::operation_canceled;
      case io_errc::no_deadline: return std::errc::operation_not_supported;
      case io_errc::line_too_long:
        return std::errc::message_size;
      case io_errc::invalid_address:
      case io_errc::unknown_port:
      case io_errc::unknown_network: return std::errc::invalid_argument;
      default: return {value, *this};
    }
  }
};

// The text of a cause. Go writes the system's in lower case; acronyms keep theirs.
std::string cause_text(const std::error_code& code) {
  std::string text;
  const bool number = code.category() == std::system_category() || code.category() == std::generic_category();
#if defined(__GLIBC__)
  // Not the category's text, which follows the program's locale.
  const char* plain = number ? ::strerrordesc_np(code.value()) : nullptr;
  text = plain != nullptr ? plain : code.message();
#else
  text = code.message();
#endif
  const auto upper = [&text](std::size_t i) { return std::isupper(static_cast<unsigned char>(text[i])) != 0; };
  if (number && text.size() > 1 && upper(0) && !upper(1)) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

// A panic by result::value() without a value says why there is none.
bool text_of_result(std::string& text) {
  try {
    throw;
  } catch (const std::bad_expected_access<error>& result) {
    text = result.error().message();
    return true;
  } catch (...) {
    return false;
  }
}

// Whoever makes errors links this file.
[[maybe_unused]] const bool text_set = [] {
  rt::exception_text = text_of_result;
  return true;
}();

}  // namespace

const std::error_category& io_category() noexcept {
  // Never destroyed: errors are printed by destructors of statics too.
  alignas(io_category_type) static unsigned char storage[sizeof(io_category_type)];
  static const io_category_type* const category = ::new (storage) io_category_type;
  return *category;
}

error::error(std::error_code code, std::string_view context, std::string_view cause, std::size_t transferred)
    : code_(code), context_(new detail::error_context) {
  try {
    context_->transferred = transferred;
    context_->context = context;
    context_->cause = cause;
  } catch (...) {
    delete context_;
    throw;
  }
}

std::string error::message() const {
  if (context_ == nullptr) return cause_text(code_);
  std::string text = context_->context;
  if (!text.empty()) text += ": ";
  return text += context_->cause.empty() ? cause_text(code_) : context_->cause;
}

std::size_t error::transferred() const noexcept { return context_ == nullptr ? 0 : context_->transferred; }

}  // namespace gos
