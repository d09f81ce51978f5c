// What the example at the top of <gossamer/hook.hpp> takes for given: tools/examples.py.
struct PGconn;
struct PGresult;
PGconn* PQconnectdb(const char*);
PGresult* PQexec(PGconn*, const char*);
