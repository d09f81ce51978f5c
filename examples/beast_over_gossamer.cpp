// Boost.Beast on goroutines: a connection of gossamer is a SyncStream as Asio's own are, so that code written for those
// blocks its goroutine and no thread. A server and a client of Beast, in one program, over TCP.
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <gossamer/gossamer.hpp>
#include <gossamer/net.hpp>

#include <cstdio>
#include <span>
#include <system_error>

namespace asio = boost::asio;
namespace http = boost::beast::http;

// Asio's SyncReadStream and SyncWriteStream over any connection: net, tls, a pipe in memory.
template <class Conn> class sync_stream {
 public:
  explicit sync_stream(Conn conn) : conn_(std::move(conn)) {}
  Conn& next_layer() { return conn_; }

  template <class Buffers> std::size_t read_some(const Buffers& buffers, boost::system::error_code& code) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers); ++at) {
      const asio::mutable_buffer first = *at;
      if (first.size() == 0) continue;
      const auto got = conn_.read_some(std::span(static_cast<std::byte*>(first.data()), first.size()));
      code = !got        ? told(got.error())
             : *got == 0 ? asio::error::make_error_code(asio::error::eof)
                         : boost::system::error_code();
      return got.value_or(0);
    }
    code = {};
    return 0;
  }
  template <class Buffers> std::size_t write_some(const Buffers& buffers, boost::system::error_code& code) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers); ++at) {
      const asio::const_buffer first = *at;
      if (first.size() == 0) continue;
      const auto put = conn_.write_some(std::span(static_cast<const std::byte*>(first.data()), first.size()));
      code = put ? boost::system::error_code() : told(put.error());
      return put.value_or(0);
    }
    code = {};
    return 0;
  }
  template <class Buffers> std::size_t read_some(const Buffers& buffers) {
    return or_throw(&sync_stream::read_some<Buffers>, buffers);
  }
  template <class Buffers> std::size_t write_some(const Buffers& buffers) {
    return or_throw(&sync_stream::write_some<Buffers>, buffers);
  }

 private:
  // Errors of the system keep their numbers.
  static boost::system::error_code told(const gos::error& e) {
    if (e.code().category() == std::system_category())
      return {e.code().value(), boost::system::system_category()};
    return {e.code().default_error_condition().value(), boost::system::generic_category()};
  }
  template <class Call, class Buffers> std::size_t or_throw(Call call, const Buffers& buffers) {
    boost::system::error_code code;
    const std::size_t n = (this->*call)(buffers, code);
    if (code) throw boost::system::system_error(code);
    return n;
  }
  Conn conn_;
};
template <class Conn> sync_stream(Conn) -> sync_stream<Conn>;
static_assert(boost::beast::is_sync_stream<sync_stream<gos::net::tcp_conn>>::value);

void serve(gos::net::tcp_conn conn) {
  sync_stream stream(std::move(conn));
  boost::beast::flat_buffer buffer;
  http::request<http::string_body> request;
  boost::system::error_code code;
  http::read(stream, buffer, request, code);
  if (code) return;
  http::response<http::string_body> response(http::status::ok, request.version());
  response.body() = "you said " + request.body();
  response.prepare_payload();
  http::write(stream, response, code);
}

int main() {
  return gos::run([] {
    auto listener = gos::net::listen("tcp", "localhost:0").value();
    gos::go([&] { serve(listener.accept().value()); });
    sync_stream stream(gos::net::dial("tcp", listener.address().to_string()).value());
    http::request<http::string_body> request(http::verb::post, "/", 11);
    request.body() = "hello";
    request.prepare_payload();
    http::write(stream, request);
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(stream, buffer, response);
    std::printf("%u: %s\n", response.result_int(), response.body().c_str());
  });
}
