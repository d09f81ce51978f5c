// What the example at the top of <gossamer/select.hpp> takes for given: tools/examples.py.
struct job {};
gos::chan<job> jobs;
gos::chan<int> results;
int next;
int produce();
void work(job);
