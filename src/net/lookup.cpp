// See lookup.hpp. Source: Go net/lookup.go lookupIPAddr, net/conf.go hostLookupOrder.
#include "net/lookup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include <gossamer/detail/spawn.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/select.hpp>

#include "base/race.hpp"
#include "net/address.hpp"
#include "platform/environment.hpp"

namespace gos::rt {

lookup_settings lookup_settings_for_tests;

namespace {

// A question that somebody waits for.
struct flight {
  cancellable life = with_cancel(background());
  chan<void> landed = make_chan<void>();
  lookup_answer answer;  // before `landed`
  int waiting = 0;       // under flights::lock
};

struct flights {
  mutex lock;
  std::map<std::pair<std::string, ip_family>, std::shared_ptr<flight>> all;  // under lock
};

// Lives for ever: lookups may go on until the very end.
flights& in_the_air() {
  static auto* const made = new flights;
  return *made;
}

// Holds the lock. References to flights are dropped under it, too, so that ThreadSanitizer, which is not shown their counts,
// knows that the last owner comes after the others.
class flights_guard {
 public:
  flights_guard() {
    in_the_air().lock.lock();
    race_acquire(&in_the_air());
  }
  ~flights_guard() {
    race_release(&in_the_air());
    in_the_air().lock.unlock();
  }
  flights_guard(const flights_guard&) = delete;
  flights_guard& operator=(const flights_guard&) = delete;

  std::map<std::pair<std::string, ip_family>, std::shared_ptr<flight>>& all() noexcept {
    return in_the_air().all;
  }

  // Nobody joins it any more.
  void forget(const std::pair<std::string, ip_family>& question, const std::shared_ptr<flight>& gone) {
    const auto found = all().find(question);
    if (found != all().end() && found->second == gone) all().erase(found);
  }
};

std::string own_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

lookup_answer ask(const std::string& name, ip_family family, const context& ctx) {
  return asks_servers(name) ? ask_servers(name, family, ctx) : ask_system(name, family);
}

void fly(const std::pair<std::string, ip_family>& question, std::shared_ptr<flight>& mine) {
  try {
    mine->answer = ask(question.first, question.second, mine->life.ctx);
  } catch (const std::bad_alloc&) { mine->answer = std::unexpected(error(std::errc::not_enough_memory)); }
  mine->life.cancel();
  flights_guard guard;
  guard.forget(question, mine);
  mine->landed.close();
  mine.reset();
}

std::shared_ptr<flight> join(const std::pair<std::string, ip_family>& question) {
  flights_guard guard;
  std::shared_ptr<flight>& there = guard.all()[question];
  if (there == nullptr) {
    try {
      there = std::make_shared<flight>();
      detail::spawn_goroutine(nullptr, [question, mine = there]() mutable { fly(question, mine); });
    } catch (...) {
      guard.all().erase(question);
      throw;
    }
  }
  ++there->waiting;
  return there;
}

// Who gives up last takes the question back; the next who asks begins anew.
void leave(const std::pair<std::string, ip_family>& question, std::shared_ptr<flight>& joined) {
  flights_guard guard;
  if (--joined->waiting == 0) {
    guard.forget(question, joined);
    joined->life.cancel();
  }
  joined.reset();
}

// Calls f with each word of the text.
template <class F> void for_each_word(std::string_view text, F f) {
  constexpr std::string_view blank = " \t\r\n";
  for (;;) {
    const std::size_t begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) return;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(blank));
    f(word);
    text.remove_prefix(word.size());
  }
}

// Calls f with each line of the text, without comments.
template <class F> void for_each_line(std::string_view text, F f) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    f(line.substr(0, line.find_first_of("#;")));
  }
}

bool equal_without_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

lookup_answer lookup(const std::string& name, ip_family family, const context& ctx) {
  const std::pair<std::string, ip_family> question(name, family);
  if (!ctx.err()) {
    std::shared_ptr<flight> joined = join(question);
    lookup_answer answer;
    const bool landed = select(recv(joined->landed), recv(ctx.done())) == 0;
    if (landed) answer = joined->answer;
    leave(question, joined);
    if (landed) return answer;
  }
  const std::error_code why = ctx.err();
  return std::unexpected(
      error(why, "lookup " + name, why == std::errc::timed_out ? "i/o timeout" : "operation was canceled"));
}

bool asks_servers(const std::string& name) {
  static const bool unwanted = debug_flag("systemdns");
  if (!ask_servers_exists || unwanted) return false;
  const char* const path = lookup_settings_for_tests.nsswitch_conf;
  const std::string nsswitch = read_settings(path != nullptr ? path : "/etc/nsswitch.conf");
  return !is_for_system(name, nsswitch, own_name());
}

void add_endpoint(std::vector<net::endpoint>& found, const net::endpoint& e, ip_family family) {
  if (family != ip_family::any && (family == ip_family::v4) != is_v4(e)) return;
  if (std::ranges::find(found, e) == found.end()) found.push_back(e);
}

void add_endpoint(std::vector<net::endpoint>& found, const sockaddr* address, socklen_t size, ip_family family) {
  socket_address copy;
  if (size > copy.size) return;
  std::memcpy(&copy.generic, address, size);
  const net::endpoint e = copy.to_endpoint();
  if (!e.empty()) add_endpoint(found, e, family);
}

// The servers that resolv.conf names answer for systemd's `resolve`, too. What Avahi and `myhostname` know concerns few names.
bool is_for_system(std::string_view name, std::string_view nsswitch, std::string_view own_name) noexcept {
  bool for_system = false;
  for_each_line(nsswitch, [&](std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || !line.substr(begin).starts_with("hosts:")) return;
    bool in_brackets = false;  // [NOTFOUND=return]
    for_each_word(line.substr(begin + 6), [&](std::string_view word) {
      const bool reaction = in_brackets || word.starts_with('[');
      if (reaction) {
        in_brackets = !word.ends_with(']');
      } else if (word == "files" || word == "dns" || word == "resolve") {
      } else if (word == "myhostname") {
        for_system = for_system || equal_without_case(name, own_name);
      } else if (word.starts_with("mdns")) {
        const std::string_view bare = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
        for_system =
            for_system || (bare.size() > 6 && equal_without_case(bare.substr(bare.size() - 6), ".local"));
      } else {
        for_system = true;
      }
    });
  });
  return for_system;
}

void read_options(std::string_view words, server_patience& patience) noexcept {
  constexpr int most = 30;
  for_each_word(words, [&](std::string_view word) {
    for (const auto& [prefix, value] : {std::pair<std::string_view, int*>("timeout:", &patience.timeout_s),
                                        {"attempts:", &patience.attempts}}) {
      int number = 0;
      if (!word.starts_with(prefix)) continue;
      const char* const end = word.data() + word.size();
      if (std::from_chars(word.data() + prefix.size(), end, number).ec == std::errc()) {
        *value = std::clamp(number, 1, most);
      }
    }
  });
}

void read_resolv_conf(std::string_view text, server_patience& patience) noexcept {
  for_each_line(text, [&](std::string_view line) {
    if (line.starts_with("options")) read_options(line.substr(7), patience);
  });
}

std::string read_settings(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  constexpr std::size_t most = 16384;
  std::string text(most, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace gos::rt
