// What the example at the top of <gossamer/process.hpp> takes for given: tools/examples.py.
void show(const std::string&);
