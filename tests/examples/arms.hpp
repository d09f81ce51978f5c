// What the example at the top of <gossamer/arms.hpp> takes for given: tools/examples.py.
struct PGconn;
PGconn* conn;
int PQconsumeInput(PGconn*);
gos::chan<int> jobs;
void run(std::optional<int>);
gos::mutex table_lock;
std::vector<int> table;
gos::weighted_semaphore memory(512);
void start_large();
gos::join_handle<int> worker = gos::spawn([] { return 1; });
void report(int);
const int socket = 3;
std::stop_token stop;
void shut_down();
gos::context ctx;
void log(std::string);
