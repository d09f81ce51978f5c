// What the example at the top of <gossamer/concurrent_map.hpp> takes for given: tools/examples.py.
void use(int);
