// What messages consist of: fields, URLs, dates.
#include "fixture.hpp"

#include <gossamer/http_message.hpp>

namespace {

using namespace gos_test;
namespace http = gos::http;

std::string text_of(const http::fields& fields) {
  std::string text;
  for (const auto f : fields) text.append(f.name).append("=").append(f.value).append(";");
  return text;
}

TEST(HttpFields, KeepOrderAndCaseAndAreFoundWithoutIt) {
  http::fields f;
  f.add("B", "1");
  f.add("a", "2");
  f.add("b", "3");
  EXPECT_EQ(f.get("A"), "2");
  EXPECT_EQ(f.get("B"), "1");
  EXPECT_EQ(f.all("b"), (std::vector<std::string_view>{"1", "3"}));
  EXPECT_FALSE(f.has("c"));
  f.set("b", "4");
  EXPECT_EQ(text_of(f), "b=4;a=2;");
  f.set("c", f.get("b"));  // its own text
  f.remove("A");
  EXPECT_EQ(text_of(f), "b=4;c=4;");
}

TEST(HttpFields, TokensInLists) {
  http::fields f;
  f.add("Connection", "keep-alive ,\tUpgrade");
  f.add("connection", "x");
  for (const auto* token : {"upgrade", "KEEP-ALIVE", "x"})
    EXPECT_TRUE(f.has_token("Connection", token)) << token;
  for (const auto* token : {"keep", "alive", "upgrade2"})
    EXPECT_FALSE(f.has_token("Connection", token)) << token;
}

TEST(HttpFields, NothingEndsAField) {
  http::fields f;
  EXPECT_EQ(panic_text([&] { f.set("Location", "/a\r\nSet-Cookie: b"); }),
            "http: header field \"Location\": value has a line break");
  EXPECT_EQ(panic_text([&] { f.add("a b", "c"); }), "http: invalid header field name \"a b\"");
  EXPECT_EQ(panic_text([&] { f.add("a", std::string_view("\0", 1)); }),
            "http: header field \"a\": value has a NUL");
  EXPECT_TRUE(f.empty());
}

TEST(HttpDate, BothWays) {
  const auto when = std::chrono::system_clock::time_point(784111777s);
  EXPECT_EQ(http::format_date(when), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const auto* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(http::parse_date(text), when) << text;
  }
  for (const auto* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "x, y"}) {
    EXPECT_FALSE(http::parse_date(text)) << text;
  }
  auto random = rng();
  for (int i = 0; i < 200; ++i) {
    const auto t = std::chrono::system_clock::time_point(std::chrono::seconds(random() % 4'000'000'000));
    EXPECT_EQ(http::parse_date(http::format_date(t)), t);
  }
}

TEST(HttpUrl, PartsAndBack) {
  for (const auto* text : {"http://example.org", "https://u:p@example.org:8443/a%20b/?q=1&r#f",
                           "http://[::1]:80/", "/a?b", "?", "//h/x", "mailto:a@b", "http://h?q"}) {
    const auto url = http::url::parse(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->to_string(), text);
  }
  const auto url = http::url::parse("HTTPS://u@[fe80::1]/p?q=1#f").value();
  EXPECT_EQ(url.scheme + "|" + url.user + "|" + url.host + "|" + url.port_or_default() + "|" + url.target() +
                "|" + url.fragment,
            "https|u|fe80::1|443|/p?q=1|f");
  for (const auto& [text, why] :
       std::map<std::string, std::string>{{"http://[::1", "missing ']' in host"},
                                          {"http://a b/", "invalid control character in URL"},
                                          {"http://a:b/", "invalid port"},
                                          {"http://a/%zz", "invalid URL escape"},
                                          {"http://a\"b/", "invalid character in host name"},
                                          {":x", "missing protocol scheme"}}) {
    const auto bad = http::url::parse(text);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().message(), "parse \"" + text + "\": " + why);
  }
}

// The examples of RFC 3986, 5.4.
TEST(HttpUrl, Resolves) {
  const auto base = http::url::parse("http://a/b/c/d;p?q").value();
  for (const auto& [reference, target] :
       std::map<std::string, std::string>{{"g:h", "g:h"},
                                          {"g", "http://a/b/c/g"},
                                          {"./g", "http://a/b/c/g"},
                                          {"g/", "http://a/b/c/g/"},
                                          {"/g", "http://a/g"},
                                          {"//g", "http://g"},
                                          {"?y", "http://a/b/c/d;p?y"},
                                          {"g?y", "http://a/b/c/g?y"},
                                          {"#s", "http://a/b/c/d;p?q#s"},
                                          {";x", "http://a/b/c/;x"},
                                          {"", "http://a/b/c/d;p?q"},
                                          {".", "http://a/b/c/"},
                                          {"..", "http://a/b/"},
                                          {"../g", "http://a/b/g"},
                                          {"../../g", "http://a/g"},
                                          {"../../../g", "http://a/g"},
                                          {"/../g", "http://a/g"},
                                          {"g;x=1/../y", "http://a/b/c/y"}}) {
    EXPECT_EQ(base.resolve(reference).value().to_string(), target) << reference;
  }
}

TEST(HttpUrl, Encoding) {
  EXPECT_EQ(http::encode_path("a b/ü?"), "a%20b/%C3%BC%3F");
  EXPECT_EQ(http::decode_path("a%20b+%2f"), "a b+/");
  EXPECT_EQ(http::decode_query("a+b%26"), "a b&");
  for (const auto* bad : {"%", "%4", "%4g", "a%"}) EXPECT_FALSE(http::decode_path(bad)) << bad;
  const auto pairs = http::parse_query("a=1&b&c=%zz&d=x=y&&e=+");
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"a", "1"}, {"b", ""}, {"d", "x=y"}, {"e", " "}};
  EXPECT_EQ(pairs, wanted);
  for (const auto& [path, clean] : std::map<std::string, std::string>{{"", "/"},
                                                                      {"/", "/"},
                                                                      {"//a//b/", "/a/b/"},
                                                                      {"/a/../..", "/"},
                                                                      {"/a/./b/.", "/a/b/"},
                                                                      {"/../a", "/a"},
                                                                      {"/a..", "/a.."}}) {
    EXPECT_EQ(http::clean_path(path), clean) << path;
  }
}

}  // namespace
