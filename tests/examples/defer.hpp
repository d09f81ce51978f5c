// What the example at the top of <gossamer/defer.hpp> takes for given: tools/examples.py.
struct file {
  void close();
};
file log;
void fail(std::string);
void work();
gos::mutex m;
