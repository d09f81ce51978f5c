// What the example at the top of <gossamer/fd.hpp> takes for given: tools/examples.py.
struct PGconn;
PGconn* conn;
int PQconsumeInput(PGconn*);
int PQisBusy(PGconn*);
int PQsocket(PGconn*);
gos::chan<int> requests;
void send(std::optional<int>);
