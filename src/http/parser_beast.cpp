// parser: the grammar of heads, by Boost.Beast, and what their fields say of the body. The one file that sees Beast: it takes
// seconds to compile. Beast is given complete heads only, which head_scanner has found, so it never waits for more.
#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <charconv>

#include "http/parser.hpp"

namespace gos::http {

namespace {

namespace beast = boost::beast;
using beast_code = beast::error_code;

std::string_view view(beast::string_view text) noexcept { return {text.data(), text.size()}; }

// Collects. Judges nothing.
template <bool request> class collector final : public beast::http::basic_parser<request> {
 public:
  collector(message_head& to, http::fields& fields) : to_(to), fields_(fields) {
    this->header_limit(0xffffffff);  // the scanner has its own
    this->skip(true);                // what comes behind the head
  }

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                       beast_code&) override {
    to_.method = view(method);
    to_.target = view(target);
    to_.minor = version % 10;
  }
  void on_response_impl(int code, beast::string_view reason, int version, beast_code&) override {
    to_.status = code;
    to_.reason = view(reason);
    to_.minor = version % 10;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast_code&) override {
    fields_.add_parsed(view(name), view(value));
  }
  void on_header_impl(beast_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast_code&) override { return 0; }
  void on_finish_impl(beast_code&) override {}

  message_head& to_;
  http::fields& fields_;
};

const char* words_for(const beast_code& code) noexcept {
  using beast::http::error;
  if (code == error::bad_method) return "malformed method";
  if (code == error::bad_target) return "malformed request target";
  if (code == error::bad_version) return "malformed HTTP version";
  if (code == error::bad_field) return "malformed header field name";
  if (code == error::bad_value) return "malformed header field value";
  if (code == error::bad_content_length) return "bad Content-Length";
  if (code == error::bad_transfer_encoding) return "conflicting Transfer-Encoding";
  if (code == error::bad_status || code == error::bad_reason) return "malformed status line";
  return "malformed head";
}

template <bool request>
std::optional<refusal> parse(std::string_view head, message_head& to, http::fields& fields) {
  collector<request> parser(to, fields);
  beast_code code;
  const std::size_t used = parser.put({head.data(), head.size()}, code);
  if (code) return refusal{status::bad_request, words_for(code)};
  if (used != head.size() || !parser.is_header_done()) return refusal{status::bad_request, "malformed head"};
  return std::nullopt;
}

std::optional<refusal> judge_length(std::string_view value, framing& to) {
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, length);
  if (value.empty() || parsed.ec != std::errc() || parsed.ptr != end)
    return refusal{status::bad_request, "bad Content-Length"};
  if (to.content_length) return refusal{status::bad_request, "several Content-Length"};
  to.content_length = length;
  return std::nullopt;
}

std::optional<refusal> judge(message_head& to) {
  bool close = false, keep = false;
  for (const fields::field f : to.fields) {
    switch (f.name.size()) {  // most names are told apart by it
      case 10:
        if (!equal_ignoring_case(f.name, "Connection")) break;
        close = close || to.fields.has_token("Connection", "close");
        keep = keep || to.fields.has_token("Connection", "keep-alive");
        to.upgrade = to.upgrade || to.fields.has_token("Connection", "upgrade");
        break;
      case 14:
        if (!equal_ignoring_case(f.name, "Content-Length")) break;
        if (auto refused = judge_length(f.value, to.framing)) return refused;
        break;
      case 17:
        if (!equal_ignoring_case(f.name, "Transfer-Encoding")) break;
        if (to.framing.chunked) return refusal{status::bad_request, "several Transfer-Encoding"};
        if (!equal_ignoring_case(f.value, "chunked"))
          return refusal{status::not_implemented, "unsupported transfer encoding"};
        to.framing.chunked = true;
        break;
      default:
        break;
    }
  }
  if (to.framing.chunked && to.framing.content_length) {
    return refusal{status::bad_request, "both Transfer-Encoding and Content-Length"};
  }
  if (to.framing.chunked && to.minor == 0)
    return refusal{status::bad_request, "Transfer-Encoding in HTTP/1.0"};
  to.keep_alive = !close && (to.minor == 1 || keep);
  return std::nullopt;
}

}  // namespace

void message_head::clear() noexcept {
  method.clear();
  target.clear();
  reason.clear();
  fields.clear();
  status = 0;
  minor = 1;
  framing = {};
  keep_alive = true;
  upgrade = false;
}

std::optional<refusal> parse_request(std::string_view head, message_head& to) {
  to.clear();
  if (auto refused = parse<true>(head, to, to.fields)) return refused;
  return judge(to);
}

std::optional<refusal> parse_response(std::string_view head, message_head& to) {
  to.clear();
  if (auto refused = parse<false>(head, to, to.fields)) return refused;
  return judge(to);
}

std::optional<refusal> parse_trailers(std::string_view text, http::fields& to) {
  message_head ignored;
  constexpr std::string_view first = "GET / HTTP/1.1\r\n";  // so that Beast sees a head
  std::string head(first);
  head += text;
  return parse<true>(head, ignored, to);
}

}  // namespace gos::http
