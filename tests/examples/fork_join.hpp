// What the example at the top of <gossamer/fork_join.hpp> takes for given: tools/examples.py.
#include <cstddef>
#include <span>
