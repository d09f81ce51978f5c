// Four senders, one channel each; one receiver selects over the four, first with unbuffered channels, then with room for
// 128. The sum of what arrives must come out.
#include <gossamer/gossamer.hpp>

#include <array>

#include "../bench.hpp"

namespace {

std::int64_t receive(std::int64_t n, std::size_t capacity) {
  const std::int64_t each = n / 4 + 1;
  std::array<gos::chan<std::int64_t>, 4> ch;
  for (std::int64_t c = 0; c < 4; ++c) {
    auto& mine = ch[static_cast<std::size_t>(c)];
    mine = gos::make_chan<std::int64_t>(capacity);
    gos::go([mine, c, each] {
      for (std::int64_t i = 0; i < each; ++i) mine.send(c * each + i);
    });
  }
  const std::int64_t items = 4 * each;
  std::int64_t sum = 0;
  const auto add = [&sum](std::optional<std::int64_t> v) { sum += *v; };
  for (std::int64_t i = 0; i < items; ++i) {
    gos::select(gos::recv(ch[0], add), gos::recv(ch[1], add), gos::recv(ch[2], add), gos::recv(ch[3], add));
  }
  bench::check(sum == items * (items - 1) / 2, "select");
  return items;
}

}  // namespace

int main() {
  return gos::run([] {
    bench::report("select", "unbuffered", bench::ns_per_op([](std::int64_t n) { return receive(n, 0); }),
                  "ns");
    bench::report("select", "buffered", bench::ns_per_op([](std::int64_t n) { return receive(n, 128); }),
                  "ns");
  });
}
