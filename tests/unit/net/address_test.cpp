// address: taking apart "host:port", literals, and how endpoints are written.
#include "net/address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gos::rt;

std::string split(std::string_view text) {
  const host_port p = split_host_port(text);
  return p.error != nullptr ? p.error : std::string(p.host) + "|" + std::string(p.port);
}

TEST(Address, SplitsAsGoDoes) {
  EXPECT_EQ(split("localhost:9000"), "localhost|9000");
  EXPECT_EQ(split(":9000"), "|9000");
  EXPECT_EQ(split("[::1]:80"), "::1|80");
  EXPECT_EQ(split("[fe80::1%lo]:http"), "fe80::1%lo|http");
  EXPECT_EQ(split("host:"), "host|");
  EXPECT_EQ(split("12345"), "missing port in address");
  EXPECT_EQ(split("[::1]"), "missing port in address");
  EXPECT_EQ(split("[::1]x:80"), "missing port in address");
  EXPECT_EQ(split("::1:80"), "too many colons in address");
  EXPECT_EQ(split("[::1]:80:90"), "too many colons in address");
  EXPECT_EQ(split("[::1"), "missing ']' in address");
  EXPECT_EQ(split("a[b:80"), "unexpected '[' in address");
  EXPECT_EQ(split("a]b:80"), "unexpected ']' in address");
}

TEST(Address, ParsesPorts) {
  EXPECT_EQ(parse_port("0"), 0);
  EXPECT_EQ(parse_port(""), 0);
  EXPECT_EQ(parse_port("+65535"), 65535);
  EXPECT_GT(parse_port("65536"), 65535);
  EXPECT_GT(parse_port("99999999999999999999"), 65535);
  EXPECT_GT(parse_port("-1"), 65535);
  EXPECT_EQ(parse_port("http"), -1);
}

TEST(Address, WritesEndpoints) {
  EXPECT_EQ(parse_ip("127.0.0.1", 9000).to_string(), "127.0.0.1:9000");
  EXPECT_EQ(parse_ip("::1", 80).to_string(), "[::1]:80");
  EXPECT_EQ(parse_ip("::ffff:10.0.0.1", 80).to_string(), "10.0.0.1:80");
  EXPECT_EQ(parse_ip("fe80::1%7", 1).zone(), 7U);
  EXPECT_EQ(parse_ip("fe80::1%1", 1).host(), "fe80::1%lo");
  EXPECT_TRUE(parse_ip("localhost", 1).empty());
  EXPECT_TRUE(parse_ip("1.2.3", 1).empty());
  EXPECT_TRUE(parse_ip(std::string(200, '1'), 1).empty());
  EXPECT_EQ(gos::net::endpoint().to_string(), "");
  EXPECT_EQ(parse_ip("10.0.0.1", 1), parse_ip("10.0.0.1", 1));
  EXPECT_NE(parse_ip("10.0.0.1", 1), parse_ip("10.0.0.1", 2));
}

TEST(Address, SurvivesTheKernelsForm) {
  for (const char* text : {"127.0.0.1", "::1", "fe80::1%1"}) {
    const gos::net::endpoint e = parse_ip(text, 4711);
    EXPECT_EQ(socket_address(e).to_endpoint(), e) << text;
  }
  EXPECT_TRUE(is_unspecified(parse_ip("::", 1)));
  EXPECT_TRUE(is_unspecified(parse_ip("0.0.0.0", 1)));
  EXPECT_FALSE(is_unspecified(parse_ip("::1", 1)));
}

}  // namespace
