// See stalls.hpp.
#include "report/stalls.hpp"

#include <cstdio>
#include <ctime>

#include "panic/stack_trace.hpp"

namespace gos::rt {

namespace {

// `2026-01-31 12:00:00.123 UTC`
std::string time_text(std::int64_t system_ns) {
  const auto seconds = static_cast<std::time_t>(system_ns / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[48];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03d UTC", static_cast<int>(system_ns / 1'000'000 % 1000));
  return text;
}

}  // namespace

std::vector<stall_record> collect_stalls() {
  std::vector<stall_record> records(stalls_max);
  records.resize(stalls_copy(records.data(), records.size()));
  return records;
}

std::string stall_text(const stall_record& record) {
  std::string text = "goroutine " + std::to_string(record.id) + " [stalled " + std::to_string(record.lasted_ns / 1'000'000) + " ms, ";
  text += record.in_call ? "in a call" : "running";
  text += record.ongoing ? ", still going on" : "";
  text += ", since " + time_text(record.since_system_ns) + "]:";
  if (record.name[0] != '\0') text += std::string(" ") + record.name;
  text += '\n';
  text += record.depth != 0 ? describe_stack(record.frames, record.depth) : "(its thread did not answer)\n";
  return text + describe_creator(record.spawn_pc, record.parent_id);
}

std::string stalls_text() {
  const std::vector<stall_record> records = collect_stalls();
  if (records.empty()) return {};
  std::string text = "goroutines that ran for long without entering the runtime, the last " + std::to_string(records.size()) + ":\n";
  for (const stall_record& record : records) text += '\n' + stall_text(record);
  return text;
}

}  // namespace gos::rt
