// What the example at the top of <gossamer/wait_group.hpp> takes for given: tools/examples.py.
void work(int);
