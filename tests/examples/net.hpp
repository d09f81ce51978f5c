// What the example at the top of <gossamer/net.hpp> takes for given: tools/examples.py.
void serve(gos::net::tcp_conn);
