// What the example at the top of <gossamer/buffered.hpp> takes for given: tools/examples.py.
void work(std::string_view);
