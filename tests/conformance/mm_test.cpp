// Contract section 18: each edge of the memory model, by a program in which plain data is ordered by that edge alone. Here
// goroutines and channels, in mm_sync_test.cpp the rest.
//
// The values are checked in every build; under ThreadSanitizer an edge that it is not told of is a report. That what is no
// edge is none, mm_races_test.cpp shows. Where it matters who comes first, a goroutine waits until the other is blocked,
// which tells it nothing: a dump of the goroutines is no edge.
#include "fixture.hpp"

#include <memory>

using namespace gos_test;

namespace {

struct nothing {};

// MM-01, join ---------------------------------------------------------------------------------------------------------

TEST(MM, MM_01_spawn_comes_before_the_first_action) {
  gos::run([] {
    for (int i = 0; i < rounds(500); ++i) {
      int data = i;
      auto seen = gos::make_chan<int>();
      gos::go([&data, seen] { seen.send(data); });
      ASSERT_EQ(seen.recv(), i);
      data = i + 1;
      gos::wait_group group;
      group.go([&] { data *= 2; });
      group.wait();
      ASSERT_EQ(data, 2 * (i + 1));
      ASSERT_EQ(gos::spawn([&] { return data + 1; }).join(), data + 1);
    }
  });
}

TEST(MM, MM_01_spawn_from_goroutines_and_plain_threads) {
  int data = 1;
  auto done = gos::make_chan<void>();
  std::thread([&] {
    data = 2;
    gos::go([&] {
      data *= 3;
      gos::go([&] {
        data += 1;
        done.send();
      });
    });
  }).join();
  done.recv();
  EXPECT_EQ(data, 7);
}

TEST(MM, MM_01_join_comes_after_the_end) {
  gos::run([] {
    for (int i = 0; i < rounds(300); ++i) {
      int data = 0;
      gos::spawn([&] { data = i; }).join();
      ASSERT_EQ(data, i);
      auto waited_for = gos::spawn([&] {
        for (int k = 0; k < 3; ++k) gos::yield();
        data += 1;
      });
      waited_for.join();
      ASSERT_EQ(data, i + 1);
    }
    int data = 0;
    auto failing = gos::spawn([&] {
      data = 5;
      throw std::runtime_error("ends it");
    });
    EXPECT_THROW(failing.join(), std::runtime_error);
    EXPECT_EQ(data, 5);
  });
}

TEST(MM, MM_01_run_begins_after_and_ends_before_the_code_around_it) {
  int data = 1;
  for (int i = 0; i < 5; ++i) gos::run([&] { data += 1; });
  EXPECT_EQ(data, 6);
}

// MM-02 ---------------------------------------------------------------------------------------------------------------

TEST(MM, MM_02_send_comes_before_the_receive) {
  gos::run([] {
    for (std::size_t capacity : {0, 1, 3, 100}) {
      const int n = rounds(2000);
      std::vector<int> data(static_cast<std::size_t>(n));
      auto ch = gos::make_chan<int>(capacity);
      gos::go([&data, ch, n] {
        for (int i = 0; i < n; ++i) {
          data[static_cast<std::size_t>(i)] = i + 1;
          ch.send(i);
        }
        ch.close();
      });
      int expected = 0;
      for (int i : ch) {
        ASSERT_EQ(i, expected++);
        ASSERT_EQ(data[static_cast<std::size_t>(i)], i + 1);
      }
      EXPECT_EQ(expected, n);
    }
  });
}

TEST(MM, MM_02_whoever_waits) {
  gos::run([] {
    for (std::size_t capacity : {0, 2}) {
      for (bool tried : {false, true}) {
        auto ch = gos::make_chan<nothing>(capacity);
        int data = 0;
        // The receiver waits.
        auto receiver = gos::spawn([&] {
          ch.recv();
          EXPECT_EQ(data, 1);
        });
        ASSERT_TRUE(blocked("chan receive"));
        data = 1;
        if (tried) ASSERT_TRUE(ch.try_send(nothing{}));
        else ch.send(nothing{});
        receiver.join();
        // The sender waits; what it wrote before counts, whichever place of the buffer its value goes through.
        auto sender = gos::spawn([&] {
          for (std::size_t i = 0; i < capacity; ++i) ch.send(nothing{});
          data = 2;
          ch.send(nothing{});
        });
        ASSERT_TRUE(blocked("chan send"));
        for (std::size_t i = 0; i < capacity; ++i) ch.recv();
        if (tried) ASSERT_TRUE(ch.try_recv());
        else ch.recv();
        EXPECT_EQ(data, 2);
        sender.join();
      }
    }
  });
}

TEST(MM, MM_02_events_and_what_a_pointer_points_to) {
  gos::run([] {
    auto event = gos::make_chan<void>(4);
    auto boxes = gos::make_chan<std::unique_ptr<int>>(4);
    int data = 0;
    gos::go([&] {
      for (int i = 0; i < rounds(1000); ++i) boxes.send(std::make_unique<int>(i));
      data = 1;
      event.send();
    });
    for (int i = 0; i < rounds(1000); ++i) {
      const auto box = boxes.recv().value();
      ASSERT_EQ(*box, i);
    }
    event.recv();
    EXPECT_EQ(data, 1);
  });
}

TEST(MM, MM_02_plain_threads_take_part) {
  auto ch = gos::make_chan<void>();
  auto back = gos::make_chan<void>(1);
  int data = 0;
  std::thread other([&] {
    for (int i = 0; i < rounds(200); ++i) {
      ch.recv();
      data += 1;
      back.send();
    }
  });
  gos::run([&] {
    for (int i = 0; i < rounds(200); ++i) {
      data += 1;
      ch.send();
      back.recv();
      ASSERT_EQ(data, 2 * (i + 1));
    }
  });
  other.join();
}

// MM-03, MM-04 --------------------------------------------------------------------------------------------------------

TEST(MM, MM_03_receive_comes_before_the_end_of_an_unbuffered_send) {
  gos::run([] {
    auto ch = gos::make_chan<int>();
    const int n = rounds(2000);
    std::vector<int> data(static_cast<std::size_t>(n));
    gos::go([&] {
      for (int i = 0; i < n; ++i) {
        data[static_cast<std::size_t>(i)] = i + 1;
        ch.recv();
      }
    });
    for (int i = 0; i < n; ++i) {
      ch.send(i);
      ASSERT_EQ(data[static_cast<std::size_t>(i)], i + 1);
    }
  });
}

TEST(MM, MM_03_whoever_waits) {
  gos::run([] {
    auto ch = gos::make_chan<int>();
    int data = 0;
    for (bool tried : {false, true}) {
      data = 0;
      gos::wait_group group;
      group.go([&] {  // the sender waits
        ch.send(1);
        EXPECT_EQ(data, 1);
      });
      ASSERT_TRUE(blocked("chan send"));
      data = 1;
      if (tried) ASSERT_TRUE(ch.try_recv());
      else ch.recv();
      group.wait();
      group.go([&] {  // the receiver waits
        data = 2;
        ch.recv();
      });
      ASSERT_TRUE(blocked("chan receive"));
      if (tried) ASSERT_TRUE(ch.try_send(1));
      else ch.send(1);
      EXPECT_EQ(data, 2);
      group.wait();
    }
  });
}

template <class T> void used_as_a_lock(T token) {
  gos::run([token] {
    auto lock = gos::make_chan<T>(1);
    int count = 0;
    gos::wait_group group;
    for (int g = 0; g < 8; ++g) {
      group.go([&] {
        for (int i = 0; i < rounds(500); ++i) {
          lock.send(token);
          ++count;
          if (i % 50 == 0) gos::yield();
          lock.recv();
        }
      });
    }
    group.wait();
    EXPECT_EQ(count, 8 * rounds(500));
  });
}
TEST(MM, MM_04_a_channel_of_one_place_is_a_lock) {
  used_as_a_lock(1);
  used_as_a_lock(nothing{});
  used_as_a_lock(std::string("a text that is longer than the small ones"));
}

TEST(MM, MM_04_a_channel_of_events_is_a_lock) {
  gos::run([] {
    auto lock = gos::make_chan<void>(1);
    int count = 0;
    gos::wait_group group;
    for (int g = 0; g < 4; ++g) {
      group.go([&] {
        for (int i = 0; i < rounds(500); ++i) {
          lock.send();
          ++count;
          lock.recv();
        }
      });
    }
    group.wait();
    EXPECT_EQ(count, 4 * rounds(500));
  });
}

TEST(MM, MM_04_filling_the_buffer_waits_for_all_receives) {
  gos::run([] {
    for (int round = 0; round < rounds(50); ++round) {
      constexpr std::size_t n = 20;
      auto places = gos::make_chan<void>(n / 2);
      std::vector<int> data(n);
      for (std::size_t i = 0; i < n; ++i) {
        places.send();
        gos::go([&data, places, i] {
          data[i] = 42;
          places.recv();
        });
      }
      for (std::size_t i = 0; i < places.capacity(); ++i) places.send();
      for (int d : data) ASSERT_EQ(d, 42);
    }
  });
}

// MM-05 ---------------------------------------------------------------------------------------------------------------

TEST(MM, MM_05_close_comes_before_a_receive_that_it_ends) {
  gos::run([] {
    for (std::size_t capacity : {0, 3}) {
      auto ch = gos::make_chan<int>(capacity);
      auto event = gos::make_chan<void>(capacity);
      int data = 0, other = 0;
      gos::wait_group group;
      for (int i = 0; i < 3; ++i) {
        group.go([&] {
          EXPECT_FALSE(ch.recv());
          EXPECT_EQ(data, 1);
        });
      }
      group.go([&] {
        for (int n : ch) ADD_FAILURE() << n;
        EXPECT_EQ(data, 1);
      });
      group.go([&] {
        EXPECT_FALSE(event.recv());
        EXPECT_EQ(other, 2);
      });
      ASSERT_TRUE(blocked("chan receive", 5));
      data = 1;
      ch.close();
      other = 2;
      event.close();
      group.wait();
    }
  });
}

TEST(MM, MM_05_also_before_one_that_comes_later_or_does_not_wait) {
  gos::run([] {
    const auto closed_by_another = [](auto see) {
      auto ch = gos::make_chan<int>(1);
      int data = 0;
      gos::go([&] {
        data = 1;
        ch.close();
      });
      see(ch);
      EXPECT_EQ(data, 1);
    };
    for (int i = 0; i < rounds(100); ++i) {
      closed_by_another([](auto ch) { EXPECT_FALSE(ch.recv()); });
      closed_by_another([](auto ch) {
        while (ch.try_recv().error() != gos::recv_status::closed) gos::yield();
      });
      closed_by_another([](auto ch) { gos::select(gos::recv(ch)); });
      closed_by_another([](auto ch) {
        while (gos::select(gos::recv(ch), gos::otherwise()) == 1) gos::yield();
      });
    }
  });
}

// MM-06 ---------------------------------------------------------------------------------------------------------------

TEST(MM, MM_06_select_gives_the_edges_of_the_operation) {
  gos::run([] {
    for (std::size_t capacity : {0, 2}) {
      auto ch = gos::make_chan<int>(capacity);
      auto never = gos::make_chan<int>();
      const int n = rounds(1000);
      std::vector<int> data(static_cast<std::size_t>(n));
      gos::go([&data, ch, never, n] {
        for (int i = 0; i < n; ++i) {
          data[static_cast<std::size_t>(i)] = i + 1;
          gos::select(gos::send(ch, i), gos::recv(never));
        }
      });
      for (int i = 0; i < n; ++i) {
        gos::select(gos::recv(never), gos::recv(ch, [&](std::optional<int> got) { ASSERT_EQ(got, i); }));
        ASSERT_EQ(data[static_cast<std::size_t>(i)], i + 1);
      }
    }
  });
}

TEST(MM, MM_06_a_lock_by_select) {
  gos::run([] {
    auto lock = gos::make_chan<int>(1);
    auto never = gos::make_chan<int>();
    int count = 0;
    gos::wait_group group;
    for (int g = 0; g < 4; ++g) {
      group.go([&] {
        for (int i = 0; i < rounds(500); ++i) {
          gos::select(gos::recv(never), gos::send(lock, i));
          ++count;
          if (i % 50 == 0) gos::yield();
          gos::select(gos::recv(lock), gos::recv(never));
        }
      });
    }
    group.wait();
    EXPECT_EQ(count, 4 * rounds(500));
  });
}

TEST(MM, MM_06_select_whoever_waits) {
  gos::run([] {
    for (bool partner_selects : {false, true}) {
      auto ch = gos::make_chan<int>();
      auto never = gos::make_chan<int>();
      int there = 0, back = 0;
      gos::wait_group group;
      group.go([&] {  // waits in a select to send
        there = 1;
        gos::select(gos::send(ch, 1), gos::recv(never));
        EXPECT_EQ(back, 2);
      });
      ASSERT_TRUE(blocked("select"));
      back = 2;
      if (partner_selects) gos::select(gos::recv(ch), gos::send(never, 0));
      else ch.recv();
      EXPECT_EQ(there, 1);
      group.wait();
      group.go([&] {  // waits in a select to receive
        there = 3;
        gos::select(gos::recv(never), gos::recv(ch));
        EXPECT_EQ(back, 4);
      });
      ASSERT_TRUE(blocked("select"));
      back = 4;
      if (partner_selects) gos::select(gos::send(ch, 1), gos::recv(never));
      else ch.send(1);
      EXPECT_EQ(there, 3);
      group.wait();
    }
  });
}

}  // namespace
