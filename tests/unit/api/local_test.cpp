// gos::goroutine_local: one value for each goroutine and thread, its making and its end.
#include "fixture.hpp"

#include <memory>
#include <string>

using namespace gos_test;

namespace {

gos::goroutine_local<int> number;
gos::goroutine_local<std::string> name("nobody");

TEST(Local, values_begin_as_given) {
  std::thread([] {
    EXPECT_EQ(*number, 0);
    EXPECT_EQ(*name, "nobody");
    EXPECT_EQ(name->size(), 6U);
  }).join();
  gos::wait_group group;
  group.go([] {
    EXPECT_EQ(*number, 0);
    EXPECT_EQ(*name, "nobody");
  });
  group.wait();
}

TEST(Local, each_goroutine_has_its_own) {
  gos::wait_group group;
  *number = -1;
  for (int g = 1; g <= 50; ++g) {
    group.go([g] {
      *number = g;
      *name = std::to_string(g);
      int* const where = &*number;
      for (int i = 0; i < 20; ++i) {
        gos::yield();
        EXPECT_EQ(*number, g);
        EXPECT_EQ(*name, std::to_string(g));
        EXPECT_EQ(&*number, where);
      }
    });
  }
  group.wait();
  EXPECT_EQ(*number, -1);
}

TEST(Local, values_follow_the_goroutine_over_threads) {
  gos::wait_group group;
  for (int g = 0; g < 8; ++g) {
    group.go([g] {
      *number = g;
      for (int i = 0; i < 20; ++i) {
        gos::sleep(100us);
        EXPECT_EQ(*number, g);
      }
    });
  }
  group.wait();
}

TEST(Local, values_end_with_the_goroutine) {
  counted::reset();
  {
    const gos::goroutine_local<counted> local;
    gos::wait_group group;
    for (int g = 0; g < 20; ++g) {
      group.go([&] {
        local->value = 1;
        gos::yield();
        if (local->value == 1) gos::goexit();
      });
    }
    group.wait();
    EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
  }
  const gos::goroutine_local<counted> local;
  std::thread([&] { local->value = 2; }).join();
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
}

// Each value notes its end, and uses the one that was made before it.
struct note {
  static inline std::string order;
  static inline gos::goroutine_local<note>* first = nullptr;
  static inline std::atomic<bool> last_ended = false;
  char letter = '?';
  ~note() {
    if (letter != 'a') order += (*first)->letter;
    order += letter;
    if (letter == 'a') last_ended = true;
  }
};

TEST(Local, the_youngest_ends_first) {
  static gos::goroutine_local<note> a, b, c;
  note::first = &a;
  note::order.clear();
  auto ended = gos::spawn([] {
    a->letter = 'a';
    b->letter = 'b';
    c->letter = 'c';
  });
  ended.join();
  ASSERT_TRUE(eventually([] { return note::last_ended.load(); }));  // a goroutine's end orders nothing
  EXPECT_EQ(note::order, "acaba");
}

TEST(Local, many_values_and_reuse_of_ids) {
  gos::wait_group group;
  group.go([] {
    for (int round = 0; round < 20; ++round) {
      std::vector<std::unique_ptr<gos::goroutine_local<int>>> locals;
      for (int i = 0; i < 100; ++i) {
        locals.push_back(std::make_unique<gos::goroutine_local<int>>(i));
        ASSERT_EQ(**locals.back(), i);
        **locals.back() = -i;
      }
      for (int i = 0; i < 100; ++i) ASSERT_EQ(**locals[static_cast<std::size_t>(i)], -i);
    }
  });
  group.wait();
}

TEST(Local, types_that_cannot_be_copied_or_have_no_default) {
  struct fixed {
    fixed() = default;
    fixed(const fixed&) = delete;
    int value = 3;
  };
  struct needs_value {
    explicit needs_value(int v) : value(v) {}
    int value;
  };
  const gos::goroutine_local<fixed> a;
  const gos::goroutine_local<needs_value> b(needs_value(4));
  EXPECT_EQ(a->value + b->value, 7);
  static_assert(!std::is_default_constructible_v<gos::goroutine_local<needs_value>>);
}

TEST(Local, a_value_that_throws_is_made_again) {
  struct picky {
    picky() {
      if (static int attempts = 0; attempts++ == 0) throw 1;
    }
    int value = 5;
  };
  const gos::goroutine_local<picky> local;
  EXPECT_THROW(*local, int);
  EXPECT_EQ(local->value, 5);
}

}  // namespace
