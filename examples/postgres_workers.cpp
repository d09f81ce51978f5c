// A pool of workers over PostgreSQL: each query has a deadline, and one that is late is cancelled at the server.
//
//   ./postgres_workers "host=/run/postgresql dbname=shop"        # what libpq takes; see postgresql.org, libpq-connstrings
//
// libpq is used as it is, in blocking mode: linking gossamer::hook makes its waits park the goroutine.
#include <gossamer/gossamer.hpp>
#include <gossamer/hook.hpp>

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

using namespace std::chrono_literals;

struct finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};
using connection = std::unique_ptr<PGconn, finish>;

// The first value of the answer, or nothing when the context was over first. A query that fails otherwise ends the program.
std::optional<std::string> ask(PGconn* connection, const gos::context& ctx, const char* query, const std::string& argument) {
  const std::unique_ptr<PGcancel, finish> cancel(PQgetCancel(connection));
  std::atomic<bool> answered{false};
  gos::wait_group cancelling;
  cancelling.add(1);
  const auto stop = gos::after_func(ctx, [&] {
    // Again if need be: a server that has not begun with the query ignores it.
    while (!answered) {
      char why[256];
      if (PQcancel(cancel.get(), why, sizeof why) == 0) std::fprintf(stderr, "cancel: %s\n", why);
      gos::sleep(20ms);
    }
    cancelling.done();
  });
  const char* const arguments[] = {argument.c_str()};
  const std::unique_ptr<PGresult, finish> result(
      PQexecParams(connection, query, 1, nullptr, arguments, nullptr, nullptr, 0));
  answered = true;
  if (stop()) cancelling.done();  // it has not begun and will not
  cancelling.wait();
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return PQgetvalue(result.get(), 0, 0);
  if (ctx.err()) return std::nullopt;
  std::fprintf(stderr, "%s", PQerrorMessage(connection));
  std::exit(1);
}

struct job {
  int id;
  std::string seconds;  // that its query takes
};

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CONNECTION-STRING\n", argv[0]);
    return 2;
  }
  return gos::run([&] {
    constexpr int workers = 5;
    auto jobs = gos::make_chan<job>();
    auto answers = gos::make_chan<bool>();
    gos::wait_group all;
    for (int w = 0; w < workers; ++w) {
      all.go([&] {
        const connection mine(PQconnectdb(argv[1]));
        if (PQstatus(mine.get()) != CONNECTION_OK) {
          std::fprintf(stderr, "%s", PQerrorMessage(mine.get()));
          std::exit(1);
        }
        for (const job& j : jobs) {
          auto [ctx, cancel] = gos::with_timeout(gos::background(), 2s);
          const gos::cancel_guard guard(cancel);
          const auto answer = ask(mine.get(), ctx, "select 'slept ' || $1 from pg_sleep($1::float)", j.seconds);
          if (!answer) std::printf("job %d: %s\n", j.id, ctx.err().message().c_str());
          answers.send(answer.has_value());
        }
      });
    }
    gos::go([&] {
      for (int id = 1; id <= 20; ++id) jobs.send({id, id % 5 == 0 ? "3600" : "0.05"});
      jobs.close();
      all.wait();
      answers.close();
    });
    int good = 0;
    int late = 0;
    for (bool in_time : answers) ++(in_time ? good : late);
    std::printf("%d answers, %d too late\n", good, late);
  });
}
