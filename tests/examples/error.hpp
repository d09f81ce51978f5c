// What the example at the top of <gossamer/error.hpp> takes for given: tools/examples.py.
gos::net::tcp_conn conn;
char buffer[64];
void retry();
