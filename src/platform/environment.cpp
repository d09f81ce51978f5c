// environment: looks words up in GOS_DEBUG, a list separated by commas.
#include "platform/environment.hpp"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/fatal.hpp"

namespace gos::rt {

namespace {

struct debug_word {
  std::string_view name;
  int number_max = 0;  // 0: stands alone; a_signal: name=USR1 and the like; else name=N with N up to this
};

constexpr int any_number = 1'000'000'000;
constexpr int a_signal = -1;
constexpr int signal_number_max = 64;

constexpr debug_word known[] = {
    {"crash_limit", any_number},
    {"dump_signal", a_signal},
    {"leaks"},
    {"lockcheck"},
    {"lockcheck=abort"},
    {"migrate"},
    {"mprotectguards"},
    {"noalone"},
    {"noguards"},
    {"nomembarrier"},
    {"nonowait"},
    {"nopidfd"},
    {"nopwait2"},
    {"nouring"},
    {"printstalls"},
    {"scheddetail", 1},
    {"schedtrace", any_number},
    {"stackuse"},
    {"stalls", any_number},
    {"systemdns"},
};
constexpr const char* known_text =
    "crash_limit=MILLISECONDS, dump_signal=USR1, USR2 or a number, leaks, lockcheck, lockcheck=abort, migrate, mprotectguards, "
    "noalone, noguards, nomembarrier, nonowait, nopidfd, nopwait2, nouring, printstalls, scheddetail=0 or 1, "
    "schedtrace=MILLISECONDS, stackuse, stalls=MILLISECONDS, systemdns";

// Cuts the first entry off the list.
std::string_view take_entry(std::string_view& rest) noexcept {
  const std::size_t comma = rest.find(',');
  const std::string_view entry = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return entry;
}

std::string_view list() noexcept {
  const char* value = std::getenv("GOS_DEBUG");
  return value != nullptr ? std::string_view(value) : std::string_view();
}

// The N of word=N, or -1.
int number_of(std::string_view entry, std::string_view word) noexcept {
  if (entry.size() <= word.size() + 1 || !entry.starts_with(word) || entry[word.size()] != '=') return -1;
  const char* const end = entry.data() + entry.size();
  int number = -1;
  const auto [stop, error] = std::from_chars(entry.data() + word.size() + 1, end, number);
  return error == std::errc() && stop == end && number >= 0 && number <= any_number ? number : -1;
}

// The signal of word=USR1, or 0.
int signal_of(std::string_view entry, std::string_view word) noexcept {
  const int number = number_of(entry, word);
  if (number > 0 && number <= signal_number_max) return number;
  if (!entry.starts_with(word) || entry.size() <= word.size() || entry[word.size()] != '=') return 0;
  std::string_view name = entry.substr(word.size() + 1);
  if (name.starts_with("SIG")) name.remove_prefix(3);
  return name == "USR1" ? SIGUSR1 : name == "USR2" ? SIGUSR2 : 0;
}

bool meaningful(std::string_view entry) noexcept {
  for (const debug_word& word : known) {
    if (word.number_max == a_signal && signal_of(entry, word.name) != 0) return true;
    if (word.number_max == 0 && entry == word.name) return true;
    const int number = number_of(entry, word.name);
    if (number >= 0 && number <= word.number_max && word.number_max > 0) return true;
  }
  return entry.empty();
}

}  // namespace

bool debug_flag(const char* word) noexcept {
  for (std::string_view rest = list(); !rest.empty();) {
    if (take_entry(rest) == word) return true;
  }
  return false;
}

int debug_number(const char* word) noexcept {
  for (std::string_view rest = list(); !rest.empty();) {
    const int number = number_of(take_entry(rest), word);
    if (number >= 0) return number;
  }
  return 0;
}

int debug_signal(const char* word) noexcept {
  for (std::string_view rest = list(); !rest.empty();) {
    const int signal = signal_of(take_entry(rest), word);
    if (signal != 0) return signal;
  }
  return 0;
}

void debug_complain() noexcept {
  for (std::string_view rest = list(); !rest.empty();) {
    const std::string_view entry = take_entry(rest);
    if (meaningful(entry)) continue;
    write_error("gossamer: GOS_DEBUG: ");
    write_error(entry.data(), entry.size());
    write_error(" means nothing; it may have, separated by commas: ");
    write_error(known_text);
    write_error("\n");
  }
  const char* level = std::getenv("GOS_TRACEBACK");
  traceback_level unused;
  if (level == nullptr || traceback_level_of(level, &unused)) return;
  write_error("gossamer: GOS_TRACEBACK: ");
  write_error(level);
  write_error(" means nothing; it may be none, single, all, system or crash\n");
}

}  // namespace gos::rt
