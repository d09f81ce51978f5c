// response: how an answer leaves: what is decided when its head is made, and what goes out in one write. See connection.hpp.
//
// The block of a response has its first head_room bytes free: there the head is put, just before the body, when both leave together.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <mutex>

#include <gossamer/http.hpp>
#include <gossamer/panic.hpp>

#include "http/connection.hpp"
#include "http/server.hpp"
#include "net/socket_calls.hpp"

namespace gos::http {

namespace {

constexpr std::size_t head_room = 512;
constexpr std::size_t body_room = block_size - head_room;
constexpr std::size_t slice = 64 * 1024;  // what one write timeout is for

void append_number(std::string& to, std::uint64_t value, int base = 10) {
  char digits[24];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, value, base).ptr);
}

void append_field(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append("\r\n");
}

void append_status_line(std::string& to, int status) {
  if (status == 200) {
    to += "HTTP/1.1 200 OK\r\n";
    return;
  }
  to += "HTTP/1.1 ";
  append_number(to, static_cast<std::uint64_t>(status));
  to += ' ';
  to += reason(static_cast<http::status>(status));
  to += "\r\n";
}

// What the server says itself.
bool is_framing(std::string_view name) noexcept {
  switch (name.size()) {
    case 10:
      return equal_ignoring_case(name, "Connection");
    case 14:
      return equal_ignoring_case(name, "Content-Length");
    case 17:
      return equal_ignoring_case(name, "Transfer-Encoding");
    default:
      return false;
  }
}

std::optional<std::uint64_t> declared_length(const fields& headers) {
  const std::string_view text = headers.get("Content-Length");
  if (text.empty()) return std::nullopt;
  std::uint64_t length = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    panic("http: invalid Content-Length \"" + std::string(text) + '"');
  }
  return length;
}

}  // namespace

void connection::limit_writes() {
  const auto most = server_.options.write_timeout;
  if (most.count() > 0) static_cast<void>(stream_->set_deadlines(false, true, coarse_now() + most));
}

bool connection::bodiless() const noexcept {
  return is_head() || out_.status < 200 || out_.status == 204 || out_.status == 304;
}

// whole: how long the body is, if that is known.
void connection::commit(std::optional<std::uint64_t> whole) {
  const auto said = declared_length(out_.headers);
  const auto length = said ? said : whole;
  if (bodiless()) out_.mode = sending::no_body;
  else if (length) out_.mode = sending::length;
  else out_.mode = in_.head.minor == 1 ? sending::chunked : sending::until_close;
  out_.declared = length.value_or(0);
  const bool left_alone =
      !in_.body.complete() && ((in_.expects_continue && !continued_) || in_.body.failure());
  out_.close = !in_.head.keep_alive || left_alone || out_.mode == sending::until_close ||
               server_.is_closing() || out_.headers.has_token("Connection", "close");
  head_text(out_.mode == sending::no_body && (out_.status == 204 || (out_.status == 304 && !said))
                ? std::nullopt
                : length);
  head_pending_ = true;
}

void connection::head_text(std::optional<std::uint64_t> length) {
  std::string& text = head_scratch_;
  text.clear();
  append_status_line(text, out_.status);
  bool dated = false;
  for (const fields::field f : out_.headers) {
    if (is_framing(f.name)) continue;
    dated = dated || equal_ignoring_case(f.name, "Date");
    append_field(text, f.name, f.value);
  }
  if (!dated) {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != date_second_) write_date(date_, date_second_ = now.tv_sec);
    append_field(text, "Date", std::string_view(date_, date_size));
  }
  if (length) {
    text += "Content-Length: ";
    append_number(text, *length);
    text += "\r\n";
  } else if (out_.mode == sending::chunked) {
    text += "Transfer-Encoding: chunked\r\n";
  }
  if (out_.close) text += "Connection: close\r\n";
  else if (in_.head.minor == 0) text += "Connection: keep-alive\r\n";
  text += "\r\n";
}

// The head if it has not been sent, what is buffered, and `data`; `last`: and the end.
result<void> connection::emit(std::string_view data, bool last) {
  std::array<std::string_view, 4> pieces;
  std::size_t count = 0;
  std::string& prefix = head_scratch_;
  std::string suffix;
  if (!head_pending_) prefix.clear();
  head_pending_ = false;
  std::string_view buffered(out_.block.get() + (out_.block ? head_room : 0), out_.buffered);
  if (out_.mode == sending::chunked) {
    if (const std::size_t size = buffered.size() + data.size(); size > 0) {
      append_number(prefix, size, 16);
      prefix += "\r\n";
      suffix = "\r\n";
    }
    if (last) {
      suffix += "0\r\n";
      for (const fields::field f : out_.trailers) append_field(suffix, f.name, f.value);
      suffix += "\r\n";
    }
  }
  if (!prefix.empty() && !buffered.empty() && prefix.size() <= head_room) {
    char* const start = out_.block.get() + head_room - prefix.size();
    std::memcpy(start, prefix.data(), prefix.size());
    pieces[count++] = {start, prefix.size() + buffered.size()};
  } else {
    if (!prefix.empty()) pieces[count++] = prefix;
    if (!buffered.empty()) pieces[count++] = buffered;
  }
  if (!data.empty()) pieces[count++] = data;
  if (!suffix.empty()) pieces[count++] = suffix;
  out_.buffered = 0;
  return write_out(std::span(pieces).first(count));
}

result<void> connection::write_out(std::span<std::string_view> pieces) {
  std::array<std::span<const std::byte>, 4> some;
  while (!pieces.empty()) {
    std::size_t count = 0;
    for (std::size_t room = slice; room > 0 && count < pieces.size(); ++count) {
      some[count] = std::as_bytes(std::span(pieces[count].substr(0, room)));
      room -= some[count].size();
    }
    limit_writes();
    const auto sent = count == 1 ? stream_->write_all(some[0].data(), some[0].size())
                                 : stream_->write_pieces(std::span(some).first(count));
    if (!sent) {
      broken_ = true;
      if (in_.own_context) in_.own_context->cancel();
      return std::unexpected(sent.error());
    }
    pieces[count - 1].remove_prefix(some[count - 1].size());
    pieces = pieces.subspan(pieces[count - 1].empty() ? count : count - 1);
  }
  return {};
}

result<std::size_t> connection::write_body(std::string_view data) {
  if (hijacked_) return std::unexpected(error(make_error_code(errc::hijacked)));
  if (broken_) return std::unexpected(error(std::errc::broken_pipe));
  if (out_.mode == sending::open && out_.count == 0 && out_.headers.has("Content-Length"))
    commit(std::nullopt);
  if (out_.mode == sending::no_body || (out_.mode == sending::open && bodiless())) {
    out_.count += data.size();
    return data.size();
  }
  const bool fits = out_.buffered + data.size() <= body_room;
  if (out_.mode == sending::open && !fits) commit(std::nullopt);
  if (out_.mode == sending::length && out_.count + data.size() > out_.declared) {
    return std::unexpected(error(make_error_code(errc::body_length)));
  }
  out_.count += data.size();
  if (!fits) {
    if (auto sent = emit(data, false); !sent) return std::unexpected(std::move(sent.error()));
    return data.size();
  }
  if (!out_.block && !(out_.block = take_block())) throw std::bad_alloc();
  std::memcpy(out_.block.get() + head_room + out_.buffered, data.data(), data.size());
  out_.buffered += data.size();
  return data.size();
}

result<void> connection::send_whole(std::string_view data) {
  const bool all = out_.mode == sending::open && out_.count == 0;
  if (all && data.size() > body_room && !bodiless() && !out_.headers.has("Content-Length"))
    commit(data.size());
  if (auto written = write_body(data); !written) return std::unexpected(std::move(written.error()));
  return {};
}

result<std::uint64_t> connection::send_file(int file, std::uint64_t offset, std::uint64_t count) {
  if (hijacked_) return std::unexpected(error(make_error_code(errc::hijacked)));
  if (broken_) return std::unexpected(error(std::errc::broken_pipe));
  if (count == 0) return 0;
  if (count <= body_room - out_.buffered && !bodiless()) {  // leaves with the head
    if (!out_.block && !(out_.block = take_block())) throw std::bad_alloc();
    const http::block small = take_block();
    if (!small) throw std::bad_alloc();
    const std::ptrdiff_t got =
        rt::kernel_calls::read_at(file, small.get(), static_cast<std::size_t>(count), offset);
    if (got < 0)
      return std::unexpected(error(std::error_code(static_cast<int>(-got), std::system_category()), "read"));
    return write_body({small.get(), static_cast<std::size_t>(got)});
  }
  if (out_.mode == sending::open) commit(std::nullopt);
  out_.count += count;
  if (out_.mode == sending::no_body) return count;
  if (out_.mode == sending::length && out_.count > out_.declared)
    return std::unexpected(error(make_error_code(errc::body_length)));
  if (out_.mode == sending::chunked && out_.buffered > 0) {
    if (auto sent = emit({}, false); !sent) return std::unexpected(std::move(sent.error()));
  }
  if (out_.mode == sending::chunked) {
    if (!head_pending_) head_scratch_.clear();
    append_number(head_scratch_, count, 16);
    head_scratch_ += "\r\n";
    std::array<std::string_view, 1> prefix{head_scratch_};
    head_pending_ = false;
    if (auto sent = write_out(prefix); !sent) return std::unexpected(std::move(sent.error()));
  } else if (auto sent = emit({}, false); !sent) {
    return std::unexpected(std::move(sent.error()));
  }
  for (std::uint64_t done = 0; done < count;) {
    limit_writes();
    const auto sent =
        stream_->send_file(file, offset + done, std::min<std::uint64_t>(4 * slice, count - done));
    if (!sent || *sent == 0) {
      broken_ = true;
      if (!sent) return std::unexpected(sent.error());
      return std::unexpected(error(io_errc::unexpected_end_of_file));  // the file has become shorter
    }
    done += *sent;
  }
  if (out_.mode == sending::chunked) {
    std::array<std::string_view, 1> suffix{"\r\n"};
    if (auto sent = write_out(suffix); !sent) return std::unexpected(std::move(sent.error()));
  }
  return count;
}

result<void> connection::flush() {
  if (hijacked_) return std::unexpected(error(make_error_code(errc::hijacked)));
  if (broken_) return std::unexpected(error(std::errc::broken_pipe));
  if (out_.mode == sending::open) commit(std::nullopt);
  if (!head_pending_ && out_.buffered == 0) return {};
  return emit({}, false);
}

result<void> connection::finish_response() {
  if (out_.mode == sending::open) commit(out_.count);
  const bool whole = out_.mode != sending::length || out_.count == out_.declared;
  if (!whole) {
    server_.log("http: " + in_.head.method + ' ' + in_.head.target + ": wrote " + std::to_string(out_.count) +
                " bytes of a declared Content-Length of " + std::to_string(out_.declared));
  }
  if (head_pending_ || out_.buffered > 0 || out_.mode == sending::chunked) {
    if (auto sent = emit({}, true); !sent) return sent;
  }
  if (!whole) return std::unexpected(error(make_error_code(errc::body_length)));
  return {};
}

result<void> connection::inform(int status, const fields& more) {
  if (hijacked_) return std::unexpected(error(make_error_code(errc::hijacked)));
  if (out_.mode != sending::open) return std::unexpected(error(make_error_code(errc::already_sent)));
  if (in_.head.minor == 0) return {};  // knows none of these
  std::string text;
  append_status_line(text, status);
  for (const fields::field f : more) append_field(text, f.name, f.value);
  text += "\r\n";
  std::array<std::string_view, 1> piece{text};
  return write_out(piece);
}

result<response_writer::hijacked> connection::hijack() {
  if (hijacked_) return std::unexpected(error(make_error_code(errc::hijacked)));
  if (out_.mode != sending::open || out_.count > 0)
    return std::unexpected(error(make_error_code(errc::already_sent)));
  if (!in_.body.complete())
    return std::unexpected(
        error(make_error_code(errc::unsupported), "http: hijack", "the body has not been read"));
  stop_watch();
  const std::scoped_lock guard(server_.lock);
  static_cast<void>(stream_->set_deadlines(true, true, std::nullopt));
  hijacked_ = true;
  response_writer::hijacked taken{raw_conn(stream_.release()), std::string(input_.ready())};
  input_.release();
  return taken;
}

// --- the public class ---------------------------------------------------------------------------------------------------

fields& response_writer::headers() noexcept { return of_.out().headers; }
fields& response_writer::trailers() noexcept { return of_.out().trailers; }
http::status response_writer::current_status() const noexcept {
  return static_cast<http::status>(of_.out().status);
}
bool response_writer::head_sent() const noexcept { return of_.out().mode != sending::open; }

void response_writer::set_status(http::status status) {
  if (number(status) < 200 || number(status) > 999)
    panic("http: invalid status " + std::to_string(number(status)));
  of_.out().status = number(status);
}

result<std::size_t> response_writer::write_all(std::string_view data) { return of_.write_body(data); }
result<std::size_t> response_writer::write_all(std::span<const std::byte> data) {
  return of_.write_body({reinterpret_cast<const char*>(data.data()), data.size()});
}
result<void> response_writer::send(std::string_view body) {
  if (!headers().has("Content-Type")) header("Content-Type", "text/plain; charset=utf-8");
  return of_.send_whole(body);
}
result<void> response_writer::send(std::string_view body, std::string_view content_type) {
  header("Content-Type", content_type);
  return of_.send_whole(body);
}
result<std::uint64_t> response_writer::send_file(int file, std::uint64_t offset, std::uint64_t count) {
  return of_.send_file(file, offset, count);
}
result<void> response_writer::flush() { return of_.flush(); }
result<void> response_writer::inform(http::status status, const fields& fields) {
  if (number(status) < 100 || number(status) > 199 || number(status) == 101) {
    panic("http: invalid informational status " + std::to_string(number(status)));
  }
  return of_.inform(number(status), fields);
}

void response_writer::error(http::status status, std::string_view text) {
  set_status(status);
  headers().remove("Content-Length");
  header("X-Content-Type-Options", "nosniff");
  const std::string own(text.empty() ? reason(status) : text);
  static_cast<void>(send(own + '\n', "text/plain; charset=utf-8"));
}

void response_writer::redirect(http::status status, std::string_view location) {
  header("Location", location);
  set_status(status);
  static_cast<void>(send(""));
}

result<response_writer::hijacked> response_writer::hijack() { return of_.hijack(); }

}  // namespace gos::http
