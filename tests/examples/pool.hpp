// What the example at the top of <gossamer/pool.hpp> takes for given: tools/examples.py.
void fill(std::vector<char>&);
