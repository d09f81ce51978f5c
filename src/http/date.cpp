// date: the times of HTTP, without the C library's: they know no locale and no time zone.
#include "http/date.hpp"

#include <array>
#include <chrono>
#include <cstring>

#include <gossamer/http_message.hpp>

namespace gos::http {

namespace {

using namespace std::chrono;

constexpr std::array<const char*, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void put_two(char* to, unsigned value) noexcept {
  to[0] = static_cast<char>('0' + value / 10 % 10);
  to[1] = static_cast<char>('0' + value % 10);
}

// Takes pieces from the front of a text; any that is not as wanted makes it bad.
struct scanner {
  std::string_view rest;
  bool good = true;

  int number(std::size_t digits) {
    int value = 0;
    good = good && rest.size() >= digits;
    for (std::size_t i = 0; good && i < digits; ++i) {
      const char c = rest[i] == ' ' && i == 0 ? '0' : rest[i];  // asctime's day
      good = c >= '0' && c <= '9';
      value = value * 10 + (c - '0');
    }
    if (good) rest.remove_prefix(digits);
    return value;
  }
  void text(std::string_view wanted) {
    good = good && rest.starts_with(wanted);
    if (good) rest.remove_prefix(wanted.size());
  }
  unsigned month() {
    for (unsigned i = 0; good && i < months.size(); ++i) {
      if (rest.starts_with(months[i])) {
        rest.remove_prefix(3);
        return i + 1;
      }
    }
    good = false;
    return 1;
  }
};

struct parts {
  int year = 0;
  unsigned month = 1;
  int day = 0, hour = 0, minute = 0, second = 0;
};

void scan_time(scanner& s, parts& p) {
  p.hour = s.number(2);
  s.text(":");
  p.minute = s.number(2);
  s.text(":");
  p.second = s.number(2);
}

std::optional<system_clock::time_point> time_of(const scanner& s, const parts& p) noexcept {
  const year_month_day date(year(p.year), month(p.month), day(static_cast<unsigned>(p.day)));
  if (!s.good || !s.rest.empty() || !date.ok() || p.hour > 23 || p.minute > 59 || p.second > 60)
    return std::nullopt;
  return sys_days(date) + hours(p.hour) + minutes(p.minute) + seconds(p.second);
}

}  // namespace

void write_date(char* to, std::int64_t seconds_since_1970) noexcept {
  const sys_seconds when{seconds(seconds_since_1970)};
  const sys_days today = floor<days>(when);
  const year_month_day date(today);
  const hh_mm_ss time(when - today);
  std::memcpy(to, "Sun, 06 Nov 1994 08:49:37 GMT", date_size);
  std::memcpy(to, weekdays[weekday(today).c_encoding()], 3);
  put_two(to + 5, static_cast<unsigned>(date.day()));
  std::memcpy(to + 8, months[static_cast<unsigned>(date.month()) - 1], 3);
  const auto y = static_cast<unsigned>(static_cast<int>(date.year()));
  put_two(to + 12, y / 100);
  put_two(to + 14, y % 100);
  put_two(to + 17, static_cast<unsigned>(time.hours().count()));
  put_two(to + 20, static_cast<unsigned>(time.minutes().count()));
  put_two(to + 23, static_cast<unsigned>(time.seconds().count()));
}

std::string format_date(system_clock::time_point when) {
  std::string text(date_size, ' ');
  write_date(text.data(), floor<seconds>(when).time_since_epoch().count());
  return text;
}

std::optional<system_clock::time_point> parse_date(std::string_view text) noexcept {
  const std::size_t comma = text.find(',');
  parts p;
  if (comma == std::string_view::npos) {  // Sun Nov  6 08:49:37 1994
    scanner s{text.substr(text.size() < 4 ? text.size() : 4)};
    p.month = s.month();
    s.text(" ");
    p.day = s.number(2);
    s.text(" ");
    scan_time(s, p);
    s.text(" ");
    p.year = s.number(4);
    return time_of(s, p);
  }
  scanner s{text.substr(comma + 1)};
  s.text(" ");
  p.day = s.number(2);
  const bool old = s.rest.starts_with('-');  // Sunday, 06-Nov-94 08:49:37 GMT
  s.text(old ? "-" : " ");
  p.month = s.month();
  s.text(old ? "-" : " ");
  p.year = s.number(old ? 2 : 4);
  if (old) p.year += p.year < 70 ? 2000 : 1900;
  s.text(" ");
  scan_time(s, p);
  s.text(" GMT");
  return time_of(s, p);
}

}  // namespace gos::http
