// What the example at the top of <gossamer/panic.hpp> takes for given: tools/examples.py.
void log(std::string);
