// See fixture.hpp.
#include "fixture.hpp"

namespace gos_test {

bool slow_machine() {
  static const bool slow = [] {
    const char* text = std::getenv("GOS_TEST_SLOW");
    return text != nullptr && *text != '\0' && *text != '0';
  }();
  return slow;
}

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    if (const char* text = std::getenv("GOS_TEST_SEED")) return std::strtoull(text, nullptr, 0);
    std::random_device entropy;
    return (static_cast<unsigned long long>(entropy()) << 32) | entropy();
  }();
  return value;
}

std::mt19937_64 rng() {
  static std::atomic<std::uint64_t> stream{0};
  return std::mt19937_64(seed() + 0x9e3779b97f4a7c15U * stream.fetch_add(1));
}

namespace {

class watchdog : public testing::EmptyTestEventListener {
 public:
  static watchdog& instance() {
    // Owned by GoogleTest, which deletes its listeners.
    static watchdog* const dog = [] {
      auto* made = new watchdog;
      testing::UnitTest::GetInstance()->listeners().Append(made);
      return made;
    }();
    return *dog;
  }

  ~watchdog() override {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }

  void limit(std::chrono::milliseconds plain) { deadline_.store(now_ms() + scaled(plain).count()); }

  void OnTestProgramStart(const testing::UnitTest&) override {
    std::printf("[   seed   ] GOS_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed()));
    std::fflush(stdout);
    thread_ = std::thread([this] { watch(); });
  }

  void OnTestStart(const testing::TestInfo& test) override {
    test_ = &test;
    limit(60s);
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    // A goroutine that is just returning still counts for a moment.
    const auto patience = std::chrono::steady_clock::now() + scaled(10s);
    while (gos::runtime::num_goroutine() != 0 && std::chrono::steady_clock::now() < patience) ::usleep(500);
    if (std::size_t left = gos::runtime::num_goroutine(); left != 0) {
      ADD_FAILURE() << left << " goroutines are left over:\n" << gos::runtime::stack_dump(true);
    }
    deadline_.store(0);
    if (test.result()->Failed()) {
      std::printf("[   seed   ] %s.%s failed with GOS_TEST_SEED=%llu\n", test.test_suite_name(), test.name(),
                  static_cast<unsigned long long>(seed()));
    }
  }

 private:
  static std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  void watch() {
    while (!stop_.load()) {
      ::usleep(50'000);
      const std::int64_t deadline = deadline_.load();
      if (deadline != 0 && now_ms() > deadline) bite();
    }
  }

  [[noreturn]] void bite() {
    std::fprintf(stderr, "\nwatchdog: %s.%s exceeded its time limit (GOS_TEST_SEED=%llu)\n",
                 test_->test_suite_name(), test_->name(), static_cast<unsigned long long>(seed()));
    ::alarm(20);  // Should the dump hang as well.
    std::fprintf(stderr, "%s\n", gos::runtime::stack_dump(true).c_str());
    std::abort();
  }

  std::atomic<std::int64_t> deadline_{0};  // in ms of the steady clock; 0: no test runs
  std::atomic<bool> stop_{false};
  const testing::TestInfo* test_ = nullptr;
  std::thread thread_;
};

watchdog& the_watchdog = watchdog::instance();

}  // namespace

void time_limit(std::chrono::milliseconds plain) { the_watchdog.limit(plain); }

bool goroutine_count_settles(std::size_t n) {
  return eventually([n] { return gos::runtime::num_goroutine() == n; });
}

std::vector<dump_header> dump_headers(const std::string& dump) {
  std::vector<dump_header> found;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);) {
    unsigned long long id = 0;
    if (line.empty() || line.back() != ':' || std::sscanf(line.c_str(), "goroutine %llu ", &id) != 1)
      continue;
    const auto open = line.find('[');
    if (open == std::string::npos) continue;
    found.push_back({id, line.substr(open + 1, line.find_first_of(",]", open) - open - 1)});
  }
  return found;
}

int in_state(std::string_view state) {
  const auto headers = dump_headers(gos::runtime::stack_dump(true));
  return static_cast<int>(std::count_if(headers.begin(), headers.end(),
                                        [state](const dump_header& h) { return h.state == state; }));
}

bool blocked(std::string_view state, int n) {
  return eventually([=] { return in_state(state) == n; });
}

std::uint64_t goroutine_id() {
  const auto headers = dump_headers(gos::runtime::stack_dump());
  return headers.empty() ? 0 : headers.front().id;
}

long status_kib(const std::string& field, int pid) {
  std::ifstream in("/proc/" + (pid == 0 ? std::string("self") : std::to_string(pid)) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ":")) return std::atol(line.c_str() + field.size() + 1);
  }
  return 0;
}

}  // namespace gos_test
