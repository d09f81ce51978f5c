// What the example at the top of <gossamer/testing.hpp> takes for given: tools/examples.py.
struct server {
  void stop();
};
#define TEST(suite, name) void suite##_##name()
