// What the example at the top of <gossamer/mutex.hpp> takes for given: tools/examples.py.
int counter;
