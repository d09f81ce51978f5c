// What the example at the top of <gossamer/error_group.hpp> takes for given: tools/examples.py.
struct page {};
std::vector<page> pages;
gos::context ctx;
std::error_code fetch(const page&, const gos::context&);
void report(std::error_code);
