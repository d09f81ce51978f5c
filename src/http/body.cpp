// See body.hpp.
#include "http/body.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gos::http {

namespace {

error malformed(std::string_view why) { return {errc::malformed, "http: malformed chunked encoding", why}; }

}  // namespace

void body::begin(kind how, std::uint64_t length) noexcept {
  how_ = how;
  left_ = length;
  count_ = how == kind::length ? length : 0;
  started_ = false;
  failure_.reset();
  trailers_.clear();
  switch (how) {
    case kind::none:
      phase_ = phase::done;
      break;
    case kind::length:
      phase_ = length == 0 ? phase::done : phase::data;
      break;
    case kind::chunked:
      phase_ = phase::chunk_line;
      break;
    case kind::until_end:
      phase_ = phase::data;
      break;
  }
}

void body::begin_request(const framing& says) noexcept {
  if (says.chunked) begin(kind::chunked);
  else if (says.content_length) begin(kind::length, *says.content_length);
  else begin(kind::none);
}

std::unexpected<error> body::failed(error why) {
  failure_ = std::move(why);
  return std::unexpected(*failure_);
}

result<void> body::need(input& from, rt::stream& stream) {
  const auto got = from.fill(stream);
  if (!got) {
    if (got.error() == std::errc::timed_out) return std::unexpected(got.error());  // may be tried again
    return failed(got.error());
  }
  if (*got == 0) return failed(io_errc::unexpected_end_of_file);
  return {};
}

result<std::size_t> body::read(input& from, rt::stream& stream, std::byte* to, std::size_t size) {
  started_ = true;
  if (failure_) return std::unexpected(*failure_);
  if (size == 0) return 0;
  for (;;) {
    if (limit_ != 0 && count_ > limit_) return failed(make_error_code(errc::body_too_large));
    result<void> step;
    switch (phase_) {
      case phase::done:
        return 0;
      case phase::data:
        return read_data(from, stream, to, size);
      case phase::chunk_line:
        step = read_chunk_line(from, stream);
        break;
      case phase::chunk_end:
        step = read_chunk_end(from, stream);
        break;
      case phase::trailers:
        step = read_trailers(from, stream);
        break;
    }
    if (!step) return std::unexpected(std::move(step.error()));
  }
}

result<std::size_t> body::read_data(input& from, rt::stream& stream, std::byte* to, std::size_t size) {
  const bool bounded = how_ != kind::until_end;
  if (bounded) size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  std::size_t n = 0;
  if (!from.empty()) {
    n = std::min(size, from.ready().size());
    std::memcpy(to, from.ready().data(), n);
    from.take(n);
  } else {
    const auto got = stream.read_some(to, size);
    if (!got) {
      if (got.error() == std::errc::timed_out) return got;
      return failed(got.error());
    }
    n = *got;
    if (n == 0 && bounded) return failed(io_errc::unexpected_end_of_file);
    if (n == 0) phase_ = phase::done;
  }
  if (!bounded) {
    count_ += n;
    return n;
  }
  left_ -= n;
  if (left_ == 0) phase_ = how_ == kind::chunked ? phase::chunk_end : phase::done;
  return n;
}

result<void> body::read_chunk_line(input& from, rt::stream& stream) {
  const std::string_view ready = from.ready();
  const std::size_t end = ready.substr(0, chunk_line_max).find('\n');
  if (end == std::string_view::npos) {
    if (ready.size() >= chunk_line_max) return failed(malformed("chunk line too long"));
    return need(from, stream);
  }
  if (end == 0 || ready[end - 1] != '\r') return failed(malformed("line ends with a bare LF"));
  const std::string_view line = ready.substr(0, end - 1);
  std::uint64_t size = 0;
  const auto [behind, problem] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  const std::string_view rest(behind, static_cast<std::size_t>(line.data() + line.size() - behind));
  if (problem != std::errc() || line.size() - rest.size() > 16)
    return failed(malformed("invalid chunk size"));
  if (!rest.empty() && rest.front() != ';') return failed(malformed("invalid chunk size"));
  const auto is_bad = [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(rest, is_bad)) return failed(malformed("invalid chunk extension"));
  from.take(end + 1);
  if (size > UINT64_MAX - count_) return failed(malformed("invalid chunk size"));
  count_ += size;
  left_ = size;
  phase_ = size == 0 ? phase::trailers : phase::data;
  return {};
}

result<void> body::read_chunk_end(input& from, rt::stream& stream) {
  if (from.ready().size() < 2) {
    if (!from.empty() && from.ready().front() != '\r')
      return failed(malformed("chunk is longer than its size"));
    return need(from, stream);
  }
  if (!from.ready().starts_with("\r\n")) return failed(malformed("chunk is longer than its size"));
  from.take(2);
  phase_ = phase::chunk_line;
  return {};
}

result<void> body::read_trailers(input& from, rt::stream& stream) {
  const head_limits limits{.header_bytes = 4096, .target_bytes = 0, .header_count = 50};
  head_scanner scanner(head_kind::trailers, limits);
  for (;;) {
    switch (scanner.scan(from.ready())) {
      case head_scanner::outcome::refused:
        return failed(malformed(scanner.why().why));
      case head_scanner::outcome::more:
        if (auto got = need(from, stream); !got) return got;
        continue;
      case head_scanner::outcome::complete:
        break;
    }
    break;
  }
  if (scanner.size() > 2) {
    if (auto refused = parse_trailers(from.ready().substr(0, scanner.size()), trailers_))
      return failed(malformed(refused->why));
  }
  from.take(scanner.size());
  phase_ = phase::done;
  return {};
}

}  // namespace gos::http
