// A chat over WebSockets, with its page, and the files of a directory beside it: `chat 8080 [DIRECTORY]`, then open
// http://localhost:8080/ in two windows. Files are below /files/.
#include <gossamer/gossamer.hpp>
#include <gossamer/http.hpp>
#include <gossamer/websocket.hpp>

#include <cstdio>
#include <list>
#include <mutex>
#include <string>

namespace http = gos::http;

const char* const page = R"(<!doctype html><meta charset="utf-8"><title>chat</title>
<ul id="said"></ul><form><input id="text" autofocus></form>
<script>
const socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket');
socket.onmessage = event => {
  const line = document.createElement('li');
  line.textContent = event.data;
  document.getElementById('said').append(line);
};
document.forms[0].onsubmit = event => {
  event.preventDefault();
  socket.send(document.getElementById('text').value);
  document.forms[0].reset();
};
</script>
)";

// Who is there. What somebody says goes into a channel of everybody else's, so that one who reads slowly misses words and holds up
// nobody.
class room {
 public:
  void say(const std::string& text) {
    const std::scoped_lock guard(lock_);
    for (const auto& listener : listeners_) static_cast<void>(listener.try_send(text));
  }
  auto enter(const gos::chan<std::string>& words) {
    const std::scoped_lock guard(lock_);
    return listeners_.insert(listeners_.end(), words);
  }
  void leave(std::list<gos::chan<std::string>>::iterator who) {
    const std::scoped_lock guard(lock_);
    listeners_.erase(who);
  }

 private:
  gos::mutex lock_;
  std::list<gos::chan<std::string>> listeners_;
};

void chat(room& all, http::request& request, http::response_writer& response) {
  auto socket = http::websocket::accept(request, response, {.message_bytes = 1000});
  if (!socket) return;
  const auto words = gos::make_chan<std::string>(100);
  const auto place = all.enter(words);
  gos::wait_group writing;
  writing.go([&] {
    while (auto text = words.recv()) {
      if (!socket->write(*text)) break;
    }
  });
  while (auto message = socket->read()) all.say(message->text);
  all.leave(place);
  words.close();
  writing.wait();
}

int main(int argc, char** argv) {
  return gos::run([=]() -> int {
    auto listener = gos::net::listen("tcp", std::string("localhost:") + (argc > 1 ? argv[1] : "8080"));
    if (!listener) return std::fprintf(stderr, "%s\n", listener.error().message().c_str()), 1;
    std::printf("listening on %s\n", listener->address().to_string().c_str());
    std::fflush(stdout);

    room all;
    http::router router;
    router.handle("GET /{$}",
                  [](http::request&, http::response_writer& w) { w.send(page, "text/html; charset=utf-8"); });
    router.handle("GET /socket", [&](http::request& r, http::response_writer& w) { chat(all, r, w); });
    if (argc > 2) router.handle("/files/{path...}", http::file_server(argv[2]));
    http::server server(router);
    return std::fprintf(stderr, "%s\n", server.serve(*listener).error().message().c_str()), 1;
  });
}
