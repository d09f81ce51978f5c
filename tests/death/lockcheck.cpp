// lockcheck: goroutines that wait with a lock of the system held, and such that do not. Run with GOS_DEBUG=lockcheck and
// libgossamer_lockcheck.so, which this program is linked with.
#include "modes.hpp"

#include <condition_variable>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace {

std::mutex plain;
std::recursive_mutex recursive;
std::shared_mutex shared;
std::timed_mutex timed;

// The places that a report must name.
[[gnu::noinline]] void lock_here() { plain.lock(); }
[[gnu::noinline]] void wait_here() { gos::sleep(1ms); }

[[gnu::noinline]] void receive_locked(gos::chan<int> values) {
  const std::lock_guard held(plain);
  values.recv();
}

[[gnu::noinline]] void lock_gos_mutex_locked(gos::mutex& m) {
  const std::lock_guard held(plain);
  m.lock();
  m.unlock();
}

int over_recv() {
  return gos::run([] {
    auto values = gos::make_chan<int>();
    gos::wait_group group;
    group.go([=] { receive_locked(values); });
    while (plain.try_lock()) {
      plain.unlock();
      gos::yield();
    }
    gos::sleep(10ms);
    values.send(1);
    group.wait();
  });
}

int over_gos_mutex() {
  return gos::run([] {
    gos::mutex m;
    gos::wait_group group;
    m.lock();
    group.go([&] { lock_gos_mutex_locked(m); });
    gos::sleep(20ms);
    m.unlock();
    group.wait();
  });
}

// Locks in one function and waits in another; both a second time, which is only counted; and from another place.
int places() {
  return gos::run([] {
    const auto both = [] {
      lock_here();
      wait_here();
      plain.unlock();
    };
    for (int i = 0; i < 5; ++i) both();
  });
}

int released() {
  return gos::run([] {
    lock_here();
    plain.unlock();
    wait_here();
    if (!timed.try_lock_for(1ms)) wrong("timed");
    timed.unlock();
    {
      const std::scoped_lock several(plain, recursive, timed);
    }
    {
      const std::shared_lock reading(shared);
      const std::shared_lock again(shared);
    }
    if (plain.try_lock()) plain.unlock();
    wait_here();
  });
}

// A condition variable of the system unlocks the mutex while it waits; that blocks the thread, and is no park.
int condition() {
  return gos::run([] {
    std::condition_variable changed;
    bool done = false;
    auto other = gos::spawn([&] {
      wait_here();
      const std::lock_guard held(plain);
      done = true;
      changed.notify_one();
    });
    {
      std::unique_lock held(plain);
      changed.wait(held, [&] { return done; });
      changed.wait_for(held, 1ms);
    }
    other.join();
    wait_here();
  });
}

// What remains locked after a condition variable has waited is held.
int condition_held() {
  return gos::run([] {
    std::condition_variable changed;
    std::unique_lock held(plain);
    changed.wait_for(held, 1ms);
    wait_here();
  });
}

// While it waits the mutex is a plain thread's, which unlocks it; afterwards it is held again.
int condition_beside_a_thread() {
  return gos::run([] {
    std::condition_variable changed;
    bool done = false;
    std::unique_lock held(plain);
    std::thread other([&] {
      const std::lock_guard also(plain);
      done = true;
      changed.notify_one();
    });
    changed.wait(held, [&] { return done; });
    other.join();
    wait_here();
  });
}

int shared_locked() {
  return gos::run([] {
    const std::shared_lock reading(shared);
    wait_here();
  });
}

int exclusively() {
  return gos::run([] {
    const gos::pin stay;  // it must be unlocked by the thread that locked it
    const std::unique_lock writing(shared);
    wait_here();
  });
}

int recursively() {
  return gos::run([] {
    const gos::pin stay;
    recursive.lock();
    recursive.lock();
    recursive.unlock();
    wait_here();
    recursive.unlock();
    wait_here();
  });
}

// Another goroutine unlocks it: from then on the first does not hold it, and may wait.
int handed_over() {
  return gos::run([] {
    auto handed = gos::make_chan<void>(1);
    std::atomic<bool> unlocked{false};
    auto other = gos::spawn([&] {
      handed.recv();
      plain.unlock();
      unlocked = true;
    });
    plain.lock();
    handed.send();
    while (!unlocked) std::this_thread::yield();
    wait_here();
    other.join();
    plain.lock();
    std::thread([] { plain.unlock(); }).join();
    wait_here();
  });
}

int plain_threads() {
  return gos::run([] {
    auto values = gos::make_chan<int>();
    std::thread thread([=] {
      const std::lock_guard held(plain);
      values.recv();
    });
    values.send(1);
    gos::blocking([&] { thread.join(); });
  });
}

int yields() {
  return gos::run([] {
    const std::lock_guard held(plain);
    for (int i = 0; i < 100; ++i) gos::yield();
  });
}

// Nobody is told twice, from however many goroutines.
int many() {
  return gos::run([] {
    gos::wait_group group;
    for (int i = 0; i < 50; ++i) {
      group.go([] {
        std::mutex own;
        const std::lock_guard held(own);
        wait_here();
      });
    }
    group.wait();
  });
}

// More locks than are noted.
int hoard() {
  return gos::run([] {
    std::mutex locks[20];
    for (std::mutex& m : locks) m.lock();
    for (std::mutex& m : locks) m.unlock();
    wait_here();
  });
}

const modes lockcheck_modes = {
    {"over-recv", over_recv},
    {"over-gos-mutex", over_gos_mutex},
    {"places", places},
    {"released", released},
    {"condition", condition},
    {"condition-held", condition_held},
    {"condition-beside-a-thread", condition_beside_a_thread},
    {"shared", shared_locked},
    {"exclusively", exclusively},
    {"recursively", recursively},
    {"handed-over", handed_over},
    {"plain-threads", plain_threads},
    {"yields", yields},
    {"many", many},
    {"hoard", hoard},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(lockcheck_modes, argc, argv); }
