// What the example at the top of <gossamer/single_flight.hpp> takes for given: tools/examples.py.
struct page {};
const std::string url;
page fetch(const std::string&);
