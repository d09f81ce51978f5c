// postgres: libpq, as the distribution has it, against a PostgreSQL of our own.
#include "server.hpp"

#include <libpq-fe.h>

namespace {

using namespace gos_test;

class postgres {
 public:
  static bool is_installed() {
    return !program("postgres").empty() && !installed_program(server_runner).empty();
  }

  postgres() : port_(free_port()) {
    const child_result made =
        run_child(server_runner, as_server({program("initdb"), "-D", data(), "-U", "gossamer", "-A", "trust",
                                            "--no-sync", "--no-instructions", "--locale=C", "-E", "UTF8"}));
    EXPECT_EQ(made.status, 0) << made;
    server_.emplace(server_runner,
                    as_server({program("postgres"), "-D", data(), "-c", "listen_addresses=127.0.0.1", "-p",
                               std::to_string(port_), "-c", "unix_socket_directories=", "-c",
                               "max_connections=250", "-c", "fsync=off", "-c", "shared_buffers=16MB"}));
    EXPECT_TRUE(eventually([&] { return PQping(info().c_str()) == PQPING_OK; })) << server_->wait(0ms);
  }
  ~postgres() {
    server_->kill(SIGQUIT);
    server_->wait();
  }

  std::string info() const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=gossamer dbname=postgres";
  }

 private:
  static std::string program(const std::string& name) {
    return installed_program("/usr/lib/postgresql/*/bin/" + name);
  }
  std::string data() const { return folder_ / "data"; }

  temporary_folder folder_;
  int port_;
  std::optional<child> server_;
};

struct connection {
  explicit connection(const std::string& info) : pg(PQconnectdb(info.c_str())) {
    EXPECT_EQ(PQstatus(pg), CONNECTION_OK) << PQerrorMessage(pg);
  }
  ~connection() { PQfinish(pg); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  std::string ask(const char* query) const {
    PGresult* const result = PQexec(pg, query);
    std::string answer =
        PQresultStatus(result) == PGRES_TUPLES_OK ? PQgetvalue(result, 0, 0) : PQerrorMessage(pg);
    PQclear(result);
    return answer;
  }

  PGconn* const pg;
};

class Postgres : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (postgres::is_installed()) server.emplace();
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    if (!server) GTEST_SKIP() << "PostgreSQL is not installed (Debian: postgresql)";
  }
  static inline std::optional<postgres> server;
};

TEST_F(Postgres, AThousandGoroutinesShareTwoHundredConnections) {
  constexpr int count = 1000;
  constexpr std::size_t connections = 200;
  const auto pool = gos::make_chan<connection*>(connections);
  std::vector<std::unique_ptr<connection>> all(connections);
  gos::wait_group connecting;
  std::atomic<std::size_t> next{0};
  for (int worker = 0; worker < 4; ++worker) {
    connecting.go([&] {
      for (std::size_t i; (i = next++) < connections;) {
        all[i] = std::make_unique<connection>(server->info());
        pool.send(all[i].get());
      }
    });
  }
  connecting.wait();

  EXPECT_TRUE(eventually([&] { return thread_count() <= gos::runtime::max_procs() + 8; }));
  std::atomic<int> right{0};
  const use used = use_of([&] {
    gos::wait_group asking;
    for (int i = 0; i < count; ++i) {
      asking.go([&] {
        connection* const mine = pool.recv().value();
        if (mine->ask("select 'slept' from pg_sleep(0.1)") == "slept") ++right;
        pool.send(mine);
      });
    }
    asking.wait();
  });
  tell("1000 goroutines, 200 connections, select pg_sleep(0.1)", used);
  EXPECT_EQ(right, count);
  EXPECT_GE(used.time, 500ms);
  EXPECT_LT(used.time, 30s) << "one after the other: 100 s";
  // 5 at most where the CPUs are free (docs/blocking_libraries.md); a thread that is without one for 10 ms gets a companion.
  EXPECT_LE(used.threads, gos::runtime::max_procs() + 60) << "a thread for each connection: 200";
  gos::wait_group ending;
  for (auto& one : all) {
    ending.go([&] { one.reset(); });
  }
  ending.wait();
}

// Until the server works on a query of that connection.
void wait_until_asking(const connection& observer, const connection& other) {
  const std::string query =
      "select state from pg_stat_activity where pid = " + std::to_string(PQbackendPID(other.pg));
  EXPECT_TRUE(eventually([&] { return observer.ask(query.c_str()) == "active"; }));
}

TEST_F(Postgres, ErrorsAndCancellationArrive) {
  on_goroutine([] {
    const connection mine(server->info());
    const connection other(server->info());
    EXPECT_NE(mine.ask("select 1/0").find("division by zero"), std::string::npos);
    gos::wait_group canceller;
    canceller.go([&] {
      wait_until_asking(other, mine);
      PGcancel* const cancel = PQgetCancel(mine.pg);
      char why[256];
      EXPECT_EQ(PQcancel(cancel, why, sizeof why), 1) << why;
      PQfreeCancel(cancel);
    });
    const std::string cancelled = mine.ask("select pg_sleep(60)");
    EXPECT_NE(cancelled.find("canceling statement due to user request"), std::string::npos) << cancelled;
    canceller.wait();
    EXPECT_EQ(mine.ask("select 7"), "7");

    // The server ends the connection while it is waited for.
    gos::wait_group ended;
    ended.go([&] {
      wait_until_asking(mine, other);
      EXPECT_EQ(
          mine.ask(("select pg_terminate_backend(" + std::to_string(PQbackendPID(other.pg)) + ")").c_str()),
          "t");
    });
    const std::string terminated = other.ask("select pg_sleep(60)");
    EXPECT_NE(terminated.find("terminating connection"), std::string::npos) << terminated;
    ended.wait();
    EXPECT_EQ(PQstatus(other.pg), CONNECTION_BAD);

    PGconn* const nowhere = PQconnectdb("host=127.0.0.1 port=1 user=nobody connect_timeout=5");
    EXPECT_NE(std::string_view(PQerrorMessage(nowhere)).find("Connection refused"), std::string_view::npos)
        << PQerrorMessage(nowhere);
    PQfinish(nowhere);
  });
}

TEST_F(Postgres, TheExampleKeepsItsDeadlines) {
  const child_result ran = run_child("postgres_workers", {server->info()});
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_NE(ran.out.find("16 answers, 4 too late\n"), std::string::npos) << ran;
}

}  // namespace
