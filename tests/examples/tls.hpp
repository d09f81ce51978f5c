// What the example at the top of <gossamer/tls.hpp> takes for given: tools/examples.py.
void serve(gos::tls::conn);
