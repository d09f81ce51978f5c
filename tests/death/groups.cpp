// groups: panics that nobody may take from a goroutine: of an error_group (EG-04), and of a single_flight that somebody
// waits for at a channel (SF-03).
#include "modes.hpp"

#include <stdexcept>
#include <system_error>

namespace {

template <class F> int error_group_of(F fails) {
  return gos::run([&] {
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([] {
        std::puts("deferred ran");
        gos::recover();
      });
      gos::error_group group(gos::background());
      group.go([&]() -> std::error_code {
        fails();
        return {};
      });
      static_cast<void>(group.wait());
      wrong("wait returned");
    });
  });
}

int flight_with_channel(bool runs_in_run) {
  return gos::run([=] {
    gos::single_flight<int, int> flights;
    auto gate = gos::make_chan<void>();
    const auto fails = [gate]() -> int {
      gate.recv();
      gos::panic("lost in flight");
    };
    gos::recv_chan<gos::single_flight<int, int>::outcome> result;
    if (runs_in_run) {
      gos::go([&] {
        gos::with_defer([&](gos::defer_stack& defer) {
          defer([] { static_cast<void>(gos::recover()); });
          static_cast<void>(flights.run(1, fails));
        });
      });
      while (gos::runtime::stack_dump(true).find("[chan receive]") == std::string::npos) gos::sleep(1ms);
    }
    result = flights.run_chan(1, fails);
    gate.close();
    result.recv();  // For ever, if the process does not end.
    wrong("received");
  });
}

const modes group_modes = {
    {"error-group-panic", [] { return error_group_of([] { gos::panic("no way on"); }); }},
    {"error-group-exception", [] { return error_group_of([] { throw std::runtime_error("thrown"); }); }},
    {"flight-chan-panic", [] { return flight_with_channel(false); }},
    {"flight-run-panic-with-chan", [] { return flight_with_channel(true); }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(group_modes, argc, argv); }
