// What the example at the top of <gossamer/condition_variable.hpp> takes for given: tools/examples.py.
gos::mutex lock;
gos::condition_variable changed;
std::vector<int> queue;
void give_up();
std::stop_token stop;
