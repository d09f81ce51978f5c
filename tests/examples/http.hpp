// What the example at the top of <gossamer/http.hpp> takes for given: tools/examples.py.
