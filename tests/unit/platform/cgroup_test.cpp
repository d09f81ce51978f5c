// cgroup: quotas of version 1 and 2, in an imitation of /proc and /sys/fs/cgroup.
#include "platform/cgroup.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "platform/thread.hpp"

namespace gos::rt {
namespace {

namespace fs = std::filesystem;

class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "gos-cgroup-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ + path).substr(0, (root_ + path).rfind('/')));
    std::ofstream(root_ + path) << text;
  }
  void version_2(const std::string& path) {
    write("/proc/self/cgroup", "0::" + path + "\n");
    write("/proc/self/mountinfo",
          "22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
          "33 22 0:28 / /sys/fs/cgroup rw,nosuid,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  void version_1(const std::string& path, const std::string& shown = "/") {
    write("/proc/self/cgroup", "12:memory:/elsewhere\n4:cpu,cpuacct:" + path + "\n1:name=systemd:/x\n0::/y\n");
    write("/proc/self/mountinfo",
          "40 32 0:35 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
          "41 32 0:36 " + shown + " /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:16 - cgroup cgroup rw,cpu,cpuacct\n");
  }
  int limit() const { return cgroup_cpu_limit(root_.c_str()); }

  std::string root_;
};

TEST_F(Cgroup, NoFilesMeanNoLimit) { EXPECT_EQ(limit(), 0); }

TEST_F(Cgroup, Version2WithoutQuotaHasNoLimit) {
  version_2("/a/b");
  EXPECT_EQ(limit(), 0);
  write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(limit(), 0);
}

TEST_F(Cgroup, Version2RoundsUp) {
  version_2("/a");
  write("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(limit(), 3);
  write("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(limit(), 3);
  write("/sys/fs/cgroup/a/cpu.max", "300001 100000\n");
  EXPECT_EQ(limit(), 4);
  write("/sys/fs/cgroup/a/cpu.max", "1000 100000\n");
  EXPECT_EQ(limit(), 1);
}

TEST_F(Cgroup, TheLeastOfAllParentsCounts) {
  version_2("/a/b/c");
  write("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(limit(), 8);
  write("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
  EXPECT_EQ(limit(), 4);
  write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(limit(), 3);
}

TEST_F(Cgroup, TheRootGroupOfANamespace) {
  version_2("/");
  write("/sys/fs/cgroup/cpu.max", "500000 100000\n");
  EXPECT_EQ(limit(), 5);
}

TEST_F(Cgroup, APathOutsideOfTheNamespaceFallsBackToTheTop) {
  version_2("/../other");
  write("/sys/fs/cgroup/cpu.max", "500000 100000\n");
  write("/sys/fs/other/cpu.max", "100000 100000\n");
  EXPECT_EQ(limit(), 5);
}

TEST_F(Cgroup, Version1) {
  version_1("/a/b");
  write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limit(), 0);
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(limit(), 3);
}

TEST_F(Cgroup, Version1InAContainerThatSeesOnlyItsPart) {
  version_1("/docker/1234/job", "/docker/1234");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "600000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limit(), 6);
  version_1("/docker/12345", "/docker/1234");  // a name that merely begins alike
  EXPECT_EQ(limit(), 0);
}

TEST_F(Cgroup, MountPointsMayHoldBlanks) {
  write("/proc/self/cgroup", "0::/a\n");
  write("/proc/self/mountinfo", "33 22 0:28 / /sys/c\\040g rw - cgroup2 cgroup2 rw\n");
  write("/sys/c g/a/cpu.max", "700000 100000\n");
  EXPECT_EQ(limit(), 7);
}

TEST_F(Cgroup, RubbishIsNoLimit) {
  version_2("/a");
  for (const char* text : {"", "\n", "x y\n", "100000\n", "100000 0\n", "-5 100000\n", "99999999999999999999 1\n"}) {
    write("/sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(limit(), 0) << text;
  }
  version_2("/" + std::string(10'000, 'a'));
  EXPECT_EQ(limit(), 0);
}

// RT-02: the smallest counts, and the quota never lowers it below 2.
TEST_F(Cgroup, DefaultProcs) {
  version_2("/a");
  EXPECT_EQ(default_procs_for(8, root_.c_str()), 8);
  write("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(default_procs_for(8, root_.c_str()), 3);
  EXPECT_EQ(default_procs_for(2, root_.c_str()), 2);
  write("/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  EXPECT_EQ(default_procs_for(8, root_.c_str()), 2);
  EXPECT_EQ(default_procs_for(1, root_.c_str()), 1);
}

TEST(CgroupReal, TheRealSystemGivesASaneAnswer) { EXPECT_GE(cgroup_cpu_limit(""), 0); }

}  // namespace
}  // namespace gos::rt
