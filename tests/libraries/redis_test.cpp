// redis: hiredis, as the distribution has it, against a Redis of our own.
#include "server.hpp"

#include <hiredis/hiredis.h>

namespace {

using namespace gos_test;

constexpr const char* redis_program = "/usr/bin/redis-server";

struct connection {
  explicit connection(int port, std::chrono::milliseconds limit = 20s) {
    const timeval t{.tv_sec = limit.count() / 1000, .tv_usec = limit.count() % 1000 * 1000};
    redis = redisConnect("127.0.0.1", port);
    if (redis != nullptr && redis->err == 0) redisSetTimeout(redis, t);
  }
  ~connection() { redisFree(redis); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  std::string ask(const char* format, int number = 0) const {
    auto* const reply = static_cast<redisReply*>(redisCommand(redis, format, number));
    if (reply == nullptr) return std::string("error: ") + redis->errstr;
    std::string text = reply->type == REDIS_REPLY_INTEGER ? std::to_string(reply->integer)
                       : reply->type == REDIS_REPLY_ARRAY
                           ? (reply->elements > 1 ? reply->element[1]->str : "none")
                       : reply->str != nullptr ? reply->str
                                               : "nil";
    freeReplyObject(reply);
    return text;
  }

  redisContext* redis = nullptr;
};

TEST(Redis, ManyWaitForAListAndForEachOther) {
  if (installed_program(redis_program).empty())
    GTEST_SKIP() << "Redis is not installed (Debian: redis-server)";
  const temporary_folder folder;
  const int port = free_port();
  child server(server_runner,
               as_server({redis_program, "--port", std::to_string(port), "--bind", "127.0.0.1", "--save", "",
                          "--appendonly", "no", "--dir", folder.path(), "--logfile", folder / "log"}));
  ASSERT_TRUE(eventually([&] {
    const connection c(port);
    return c.redis->err == 0 && c.ask("PING") == "PONG";
  }));

  constexpr int count = 300;
  std::atomic<int> right{0};
  const use used = use_of([&] {
    gos::wait_group all;
    for (int i = 0; i < count; ++i) {
      all.go([&, i] {
        const connection mine(port);
        if (mine.ask("BLPOP list%d 60", i) == "hello") ++right;
      });
    }
    all.go([&] {
      const connection mine(port);
      while (mine.ask("INFO clients").find("blocked_clients:" + std::to_string(count)) == std::string::npos)
        ::usleep(5000);
      for (int i = 0; i < count; ++i) EXPECT_EQ(mine.ask("RPUSH list%d hello", i), "1");
    });
    all.wait();
  });
  tell("300 goroutines connect and wait in BLPOP", used);
  EXPECT_EQ(right, count);
  EXPECT_LT(used.threads, count / 2);

  on_goroutine([&] {
    const connection mine(port, 50ms);
    const std::string late = mine.ask("BLPOP nothing 60");
    EXPECT_NE(late.find("Resource temporarily unavailable"), std::string::npos) << late;
    const connection refused(1);
    EXPECT_STREQ(refused.redis->errstr, "Connection refused");
  });
  server.kill(SIGTERM);
  server.wait();
}

}  // namespace
