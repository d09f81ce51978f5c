// See stack_use.hpp.
#include "report/stack_use.hpp"

#include <algorithm>

#include "report/text.hpp"

namespace gos::rt {

namespace {

bool same_site(const stack_use_record& a, const stack_use_record& b) noexcept {
  return a.spawn_pc == b.spawn_pc && a.main == b.main && a.limit_bytes == b.limit_bytes;
}

void add_to(stack_use_record& sum, const stack_use_record& other) noexcept {
  sum.goroutines += other.goroutines;
  if (other.highest_bytes <= sum.highest_bytes) return;
  sum.highest_bytes = other.highest_bytes;
  sum.highest_id = other.highest_id;
}

// More of the limit first; compared without division.
bool uses_more(const stack_use_record& a, const stack_use_record& b) noexcept {
  __extension__ using wide = unsigned __int128;
  return static_cast<wide>(a.highest_bytes) * b.limit_bytes > static_cast<wide>(b.highest_bytes) * a.limit_bytes;
}

std::string advice(const stack_use_record& record) {
  char text[192];
  stack_advice(text, sizeof text, record.limit_bytes, record.main);
  return "\tclose to its limit; " + std::string(text) + '\n';
}

std::string kib(std::size_t bytes) { return std::to_string((bytes + 1023) / 1024); }

}  // namespace

std::vector<stack_use_record> collect_stack_use() {
  std::vector<stack_use_record> all;
  stack_use_visit(
      [](const stack_use_record& record, void* argument) {
        auto& into = *static_cast<std::vector<stack_use_record>*>(argument);
        const auto known = std::find_if(into.begin(), into.end(), [&](const auto& r) { return same_site(r, record); });
        if (known != into.end()) {
          add_to(*known, record);
        } else {
          into.push_back(record);
        }
      },
      &all);
  std::stable_sort(all.begin(), all.end(), uses_more);
  return all;
}

std::string stack_use_site(const stack_use_record& record) { return record.main ? "main" : describe_site(record.spawn_pc); }

std::string stack_use_text() {
  std::string text = stack_use_exact()
                         ? "gossamer: stack use by spawn site, at its deepest:\n"
                         : "gossamer: stack use by spawn site, of living goroutines, estimated by touched memory (exact with "
                           "GOS_DEBUG=stackuse):\n";
  for (const stack_use_record& record : collect_stack_use()) {
    text += kib(record.highest_bytes) + " of " + kib(record.limit_bytes) + " KiB  " + stack_use_site(record) + "  (" +
            std::to_string(record.goroutines) + (record.goroutines == 1 ? " goroutine" : " goroutines") + ")\n";
    if (record.highest_bytes > record.limit_bytes / 4 * 3) text += advice(record);
  }
  return text;
}

}  // namespace gos::rt
