// sync: misuse of locks, which is fatal (MU-04, RW-06), a panic that a wait group does not take (WG-06), and a once that
// waits for itself for ever (ON-03).
#include "modes.hpp"

namespace {

// With a recover in place, which must not be asked.
template <class F> int under_a_recover(F misuse) {
  return gos::run([&] {
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([] {
        std::puts("deferred ran");
        gos::recover();
      });
      misuse();
    });
    std::puts("survived");
  });
}

int wait_group_panics() {
  return gos::run([] {
    gos::wait_group group;
    group.go([] {
      gos::sleep(1ms);
      gos::panic("in the group");
    });
    group.wait();
    std::puts("wait returned");
  });
}

int once_in_itself() {
  static gos::once once;
  static std::atomic<bool> returned = false;
  return gos::run([] {
    gos::go([] {
      once.call([] { once.call([] { wrong("the function of the inner call ran"); }); });
      returned = true;
    });
    const auto waits = [] {
      return gos::runtime::stack_dump(true).find("[sync.Once.Do") != std::string::npos;
    };
    while (!returned && !waits()) gos::sleep(1ms);
    for (int i = 0; i < 30; ++i) gos::sleep(1ms);
    if (returned || !waits()) wrong("the call came back");
    std::puts("still blocked");
  });
}

const modes sync_modes = {
    {"unlock-unlocked",
     [] {
       return under_a_recover([] {
         gos::mutex m;
         m.lock();
         m.unlock();
         m.unlock();
       });
     }},
    {"writer-unlock", [] { return under_a_recover([] { gos::shared_mutex().unlock(); }); }},
    {"writer-unlock-of-reader",
     [] {
       return under_a_recover([] {
         gos::shared_mutex m;
         m.lock_shared();
         m.unlock();
       });
     }},
    {"reader-unlock", [] { return under_a_recover([] { gos::shared_mutex().unlock_shared(); }); }},
    {"reader-unlock-of-writer",
     [] {
       return under_a_recover([] {
         gos::shared_mutex m;
         m.lock();
         m.unlock_shared();
       });
     }},
    {"wait-group-panics", wait_group_panics},
    {"once-in-itself", once_in_itself},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(sync_modes, argc, argv); }
