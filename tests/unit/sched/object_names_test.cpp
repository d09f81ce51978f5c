// object_names: the table of names from inside: what is forgotten when.
#include "fixture.hpp"

#include "sched/object_names.hpp"

namespace {

using namespace gos_test;

std::string name_of(const void* object) {
  char name[gos::rt::object_name_max + 1];
  return gos::rt::object_name_copy(object, name) ? name : "none";
}

// Of an object that has one: while others give names, it may be that none is found soon.
std::string name_found(const void* object) {
  char name[gos::rt::object_name_max + 1];
  while (!gos::rt::object_name_copy(object, name)) std::this_thread::yield();
  return name;
}

TEST(ObjectNames, AreGivenAgainAndForgotten) {
  std::vector<int> objects(2000);
  for (int& one : objects) gos::rt::object_name_set(&one, "first");
  for (int& one : objects) gos::rt::object_name_set(&one, std::to_string(&one - objects.data()));
  EXPECT_EQ(name_of(&objects[0]) + name_of(&objects[1999]), "01999");
  for (std::size_t i = 0; i < objects.size(); i += 2) gos::rt::object_name_forget(&objects[i]);
  EXPECT_EQ(name_of(&objects[0]), "none");
  EXPECT_EQ(name_of(&objects[1]), "1");
  for (int& one : objects) gos::rt::object_name_forget(&one);
  EXPECT_EQ(name_of(&objects[1]), "none");
}

TEST(ObjectNames, KeepsOnlySoMuch) {
  const int object = 0;
  gos::rt::object_name_set(&object, std::string(100, 'x'));
  EXPECT_EQ(name_of(&object), std::string(gos::rt::object_name_max, 'x'));
  gos::rt::object_name_forget(&object);
}

TEST(ObjectNames, EndWithTheirObject) {
  auto ch = gos::make_chan<int>();
  auto tick = gos::after(1h);
  const void* const core = gos::detail::chan_access::core(ch);
  const void* const timer = gos::detail::chan_access::core(tick);
  gos::runtime::set_name(ch, "jobs");
  gos::runtime::set_name(tick, "tick");
  EXPECT_EQ(name_of(core) + name_of(timer), "jobstick");
  ch = nullptr;
  tick = nullptr;
  EXPECT_EQ(name_of(core) + name_of(timer), "nonenone");
  const gos::mutex m;
  {
    const gos::runtime::object_name name(m, "accounts");
    EXPECT_EQ(name_of(&m), "accounts");
  }
  EXPECT_EQ(name_of(&m), "none");
}

TEST(ObjectNames, FromMany) {
  gos::wait_group done;
  for (int g = 0; g < 4; ++g) {
    done.go([] {
      int own = 0;
      for (int i = 0; i < rounds(2000); ++i) {
        gos::rt::object_name_set(&own, std::to_string(i));
        EXPECT_EQ(name_found(&own), std::to_string(i));
        if (i % 3 == 0) gos::rt::object_name_forget(&own);
      }
      gos::rt::object_name_forget(&own);
    });
  }
  done.wait();
}

}  // namespace
