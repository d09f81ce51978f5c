// chan: goroutines that block forever, which only a process can be left with (SE-10, NI-01, NI-02, TM-01), and a misuse
// that ends the process (CL-06).
#include "modes.hpp"

#include <set>
#include <span>
#include <sstream>
#include <thread>
#include <vector>

namespace {

// The states of all goroutines but the running ones.
std::multiset<std::string> blocked_states() {
  std::multiset<std::string> states;
  std::istringstream lines(gos::runtime::stack_dump(true));
  for (std::string line; std::getline(lines, line);) {
    const auto open = line.find('[');
    if (!line.starts_with("goroutine ") || open == std::string::npos) continue;
    const std::string state = line.substr(open + 1, line.find_first_of(",]", open) - open - 1);
    if (state != "running" && state != "runnable") states.insert(state);
  }
  return states;
}

// Starts the bodies, waits until all of them are blocked, and makes sure that they stay so.
int all_block(std::vector<std::function<void()>> bodies, bool print_states) {
  return gos::run([&] {
    std::atomic<int> returned = 0;
    for (const auto& body : bodies) {
      gos::go([&returned, body] {
        body();
        ++returned;
      });
    }
    while (returned == 0 && blocked_states().size() != bodies.size()) gos::sleep(1ms);
    for (int i = 0; i < 30; ++i) gos::sleep(1ms);
    const std::multiset<std::string> states = blocked_states();
    if (returned != 0) wrong("a goroutine came back");
    if (states.size() != bodies.size()) wrong("a goroutine woke up");
    if (gos::runtime::num_goroutine() != bodies.size() + 1) wrong("a goroutine ended");
    if (!print_states) std::puts("still blocked");
    else
      for (const auto& state : states) std::puts(state.c_str());
  });
}

int states_of(std::vector<std::function<void()>> bodies) { return all_block(std::move(bodies), true); }
int all_block(std::vector<std::function<void()>> bodies) { return all_block(std::move(bodies), false); }

int plain_thread() {
  std::atomic<bool> returned = false;
  std::thread([&] {
    gos::chan<int>().recv();
    returned = true;
  }).detach();
  std::thread([&] {
    gos::chan<int>().send(1);
    returned = true;
  }).detach();
  std::thread([&] {
    gos::select();
    returned = true;
  }).detach();
  std::this_thread::sleep_for(50ms);
  if (returned) wrong("a thread came back");
  std::puts("still blocked");
  std::fflush(stdout);
  std::_Exit(0);
}

const modes chan_modes = {
    {"select-nothing", [] { return all_block({[] { gos::select(); }}); }},
    {"select-empty-list", [] { return all_block({[] { gos::select(std::span<gos::select_case>()); }}); }},
    {"nil-send", [] { return states_of({[] { gos::chan<int>().send(1); }}); }},
    {"nil-receive", [] { return states_of({[] { gos::chan<int>().recv(); }}); }},
    {"nil-range",
     [] {
       return states_of({[] {
         for (int n : gos::chan<int>())
           wrong(n == 0 ? "zero from a nil channel" : "a value from a nil channel");
       }});
     }},
    {"nil-void",
     [] {
       return states_of({[] { gos::chan<void>().send(); }, [] { gos::chan<void>().recv(); }});
     }},
    {"nil-directions",
     [] {
       return states_of({[] { gos::send_chan<int>().send(1); }, [] { gos::recv_chan<int>().recv(); }});
     }},
    {"nil-select",
     [] {
       return all_block({[] { gos::select(gos::recv(gos::chan<int>()), gos::send(gos::chan<int>(), 1)); },
                         [] { gos::select(gos::recv(gos::chan<int>())); },
                         [] { gos::select(gos::send(gos::chan<void>())); }});
     }},
    {"nil-select-list",
     [] {
       return all_block({[] {
         const gos::chan<int> nil;
         std::vector<gos::select_case> cases(5, gos::recv(nil));
         gos::select(std::span(cases));
       }});
     }},
    {"nil-plain-thread", plain_thread},
    {"sleep-forever",
     [] {
       return states_of({[] { gos::sleep(std::chrono::hours::max()); },
                         [] { gos::sleep(gos::duration::max()); },
                         [] { gos::sleep(std::chrono::duration<double>(1e300)); },
                         [] { gos::sleep_until(gos::time_point::max()); }});
     }},
    {"close-nil", [] { return gos::run([] { gos::chan<int>().close(); }); }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(chan_modes, argc, argv); }
