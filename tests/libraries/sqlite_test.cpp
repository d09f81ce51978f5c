// sqlite: SQLite, as the distribution has it: its file locks, which it waits for by sleeping with its mutexes held.
#include "server.hpp"

#include <sqlite3.h>

namespace {

using namespace gos_test;

struct database {
  explicit database(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 60'000);
  }
  ~database() { EXPECT_EQ(sqlite3_close(db), SQLITE_OK); }
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  void run(const char* statement) const {
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, statement, nullptr, nullptr, &error), SQLITE_OK)
        << (error != nullptr ? error : "");
    sqlite3_free(error);
  }
  long number(const char* query) const {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db, query, -1, &statement, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const long value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
  }

  sqlite3* db = nullptr;
};

TEST(Sqlite, GoroutinesWaitForTheFileAndForASharedConnection) {
  const temporary_folder folder;
  const std::string path = folder / "db";
  const database shared(path);
  shared.run("pragma synchronous = off; create table counter(n integer); insert into counter values(0)");
  const int own = rounds(20);
  constexpr int sharers = 100;
  const use used = use_of([&] {
    gos::wait_group all;
    for (int i = 0; i < own; ++i) {
      all.go([&] {
        const database mine(path);
        mine.run("begin immediate");
        const long before_it = mine.number("select n from counter");
        ::usleep(1000);  // with the file locked
        mine.run("update counter set n = n + 1");
        EXPECT_EQ(mine.number("select n from counter"), before_it + 1);
        mine.run("commit");
      });
    }
    for (int i = 0; i < sharers; ++i) {
      all.go([&] { shared.run("update counter set n = n + 1"); });
    }
    all.wait();
  });
  tell("20 connections and 100 users of one more write to one SQLite file", used);
  EXPECT_EQ(shared.number("select n from counter"), own + sharers);
  EXPECT_LT(used.threads, 40) << "files are read and written by threads";
}

}  // namespace
