// router: a tree of path segments for each host. Where several branches fit, the literal one is tried first, then the wildcard, then
// the rest of the path; since patterns of which neither is more specific are refused when they are added, the first leaf that also has
// the method is the most specific of all.
//
// The tree is built before the router serves, and then only read: by any number of connections, without a lock.
// Source: Go net/http pattern.go, routing_tree.go.
#include <algorithm>
#include <map>
#include <mutex>

#include <gossamer/http.hpp>
#include <gossamer/panic.hpp>

#include "http/connection.hpp"
#include "http/pattern.hpp"

namespace gos::http {

namespace {

struct entry {
  http::pattern pattern;
  handler serve;
};

struct node {
  std::map<std::string, node, std::less<>> literals;
  std::unique_ptr<node> wildcard, rest, end;
  std::vector<const entry*> entries;  // one for each method

  // Where a segment leads.
  node& child(const pattern::segment& s) {
    const auto made = [](std::unique_ptr<node>& at) -> node& {
      if (!at) at = std::make_unique<node>();
      return *at;
    };
    switch (s.kind) {
      case pattern::kind::literal:
        return literals[s.text];
      case pattern::kind::wildcard:
        return made(wildcard);
      case pattern::kind::rest:
        return made(rest);
      case pattern::kind::end:
        return made(end);
    }
    return *this;
  }
};

// One walk through a tree. Without a method it gathers those that there are.
struct search {
  std::string_view method = {};
  std::vector<std::string>* methods = nullptr;
  std::vector<std::string_view> values = {};  // of the wildcards on the way, not decoded

  const entry* at_leaf(const node& leaf) const {
    const entry* fits = nullptr;
    for (const entry* e : leaf.entries) {
      if (methods != nullptr) methods->push_back(e->pattern.method);
      else if (e->pattern.method == method) return e;
      else if (e->pattern.method == "GET" && method == "HEAD") fits = e;
      else if (e->pattern.method.empty() && fits == nullptr) fits = e;
    }
    return fits;
  }

  // path: what is left, with its slash at the front, or empty.
  const entry* find(const node& at, std::string_view path) {
    if (path.empty()) return at_leaf(at);
    const std::string_view segment = path.substr(1, path.find('/', 1) - 1);
    const std::string_view behind = path.substr(1 + segment.size());
    if (segment.empty()) {
      if (at.end != nullptr && behind.empty()) {
        if (const entry* found = at_leaf(*at.end)) return found;
      }
    } else {
      if (const entry* found = find_literal(at, segment, behind)) return found;
      if (at.wildcard != nullptr) {
        values.push_back(segment);
        if (const entry* found = find(*at.wildcard, behind)) return found;
        values.pop_back();
      }
    }
    if (at.rest == nullptr) return nullptr;
    values.push_back(path.substr(1));
    if (const entry* found = at_leaf(*at.rest)) return found;
    values.pop_back();
    return nullptr;
  }

  const entry* find_literal(const node& at, std::string_view segment, std::string_view behind) {
    if (at.literals.empty()) return nullptr;
    std::optional<std::string> decoded;
    if (segment.find('%') != std::string_view::npos) decoded = decode_path(segment);
    const auto found = at.literals.find(decoded ? std::string_view(*decoded) : segment);
    return found == at.literals.end() ? nullptr : find(found->second, behind);
  }
};

std::string_view without_port(std::string_view host) noexcept {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_clean(std::string_view path) noexcept {
  return path.find("//") == std::string_view::npos && path.find("/.") == std::string_view::npos;
}

}  // namespace

struct router::state {
  std::vector<std::unique_ptr<entry>> entries;
  std::map<std::string, node, std::less<>> hosts;  // "" for all
  std::vector<middleware> around;
  handler entrance;  // dispatch, with the middleware around it

  void build();
  void dispatch(request& request, response_writer& response) const;
  const entry* match(search& s, std::string_view host, std::string_view path) const;
  bool wants_slash(const request& request, std::string_view path) const;
  std::string allowed(std::string_view host, std::string_view path) const;
};

router::router() : state_(std::make_shared<state>()) { state_->build(); }

void router::handle(std::string_view pattern, handler h) {
  if (auto added = try_handle(pattern, std::move(h)); !added) panic(added.error().message());
}

result<void> router::try_handle(std::string_view text, handler h) {
  auto parsed = pattern::parse(text);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  if (!h)
    return std::unexpected(
        error(make_error_code(errc::bad_pattern), "http: pattern \"" + parsed->text + '"', "no handler"));
  for (const auto& other : state_->entries) {
    const relation r = compare(*parsed, other->pattern);
    if (r != relation::equal && r != relation::overlap) continue;
    return std::unexpected(error(
        make_error_code(errc::bad_pattern),
        "http: pattern \"" + parsed->text + "\" conflicts with pattern \"" + other->pattern.text + '"',
        r == relation::equal ? "both match the same requests"
                             : "both match paths like \"" + common_path(*parsed, other->pattern) + '"'));
  }
  node* at = &state_->hosts[parsed->host];
  for (const auto& s : parsed->segments) at = &at->child(s);
  state_->entries.push_back(std::make_unique<entry>(std::move(*parsed), std::move(h)));
  at->entries.push_back(state_->entries.back().get());
  return {};
}

void router::use(middleware around) {
  state_->around.push_back(std::move(around));
  state_->build();
}

void router::operator()(request& request, response_writer& response) const {
  state_->entrance(request, response);
}

void router::state::build() {
  entrance = [this](request& r, response_writer& w) { dispatch(r, w); };
  for (std::size_t i = around.size(); i-- > 0;) entrance = wrap(around[i], std::move(entrance));
}

const entry* router::state::match(search& s, std::string_view host, std::string_view path) const {
  const auto of_host = hosts.size() > 1 || !hosts.contains("") ? hosts.find(without_port(host)) : hosts.end();
  if (of_host != hosts.end()) {
    if (const entry* found = s.find(of_host->second, path)) return found;
  }
  const auto of_all = hosts.find(std::string_view());
  return of_all == hosts.end() ? nullptr : s.find(of_all->second, path);
}

// Nobody has the path, or only somebody who has everything below one of its directories; but with a slash behind it somebody has
// just it.
bool router::state::wants_slash(const request& request, std::string_view path) const {
  if (path.ends_with('/')) return false;
  search s{.method = request.method()};
  const std::string longer = std::string(path) + '/';
  const entry* const found = match(s, request.host(), longer);
  if (found == nullptr || found->pattern.segments.empty()) return false;
  const pattern::kind last = found->pattern.segments.back().kind;
  return last == pattern::kind::end || (last == pattern::kind::rest && s.values.back().empty());
}

std::string router::state::allowed(std::string_view host, std::string_view path) const {
  std::vector<std::string> methods;
  search all{.methods = &methods};
  match(all, host, path);
  if (std::ranges::find(methods, "GET") != methods.end()) methods.emplace_back("HEAD");
  std::ranges::sort(methods);
  methods.erase(std::ranges::unique(methods).begin(), methods.end());
  std::string text;
  for (const std::string& m : methods) text += (text.empty() ? "" : ", ") + m;
  return text;
}

void router::state::dispatch(request& request, response_writer& response) const {
  std::string_view path = request.raw_path();
  if (path.empty() && request.method() == "OPTIONS") return static_cast<void>(response.send(""));
  if (path.empty()) path = "/";
  const auto redirect = [&](std::string to) {
    if (!request.query().empty()) to.append("?").append(request.query());
    response.redirect(status::temporary_redirect, to);
  };
  if (!is_clean(path) && request.method() != "CONNECT") {
    if (std::string clean = clean_path(path); clean != path) return redirect(std::move(clean));
  }
  search s{.method = request.method()};
  const entry* const found = match(s, request.host(), path);
  const bool exact = found != nullptr && (found->pattern.segments.back().kind != pattern::kind::rest);
  if (!exact && wants_slash(request, path)) return redirect(std::string(path) + '/');
  if (found == nullptr) {
    const std::string methods = allowed(request.host(), path);
    if (methods.empty()) return response.error(status::not_found, "404 page not found");
    response.header("Allow", methods);
    return response.error(status::method_not_allowed);
  }
  route_match& match = access::of(request).in().match;
  match.pattern = found->pattern.text;
  std::size_t next = 0;
  for (const auto& segment : found->pattern.segments) {
    if (segment.kind != pattern::kind::wildcard && segment.kind != pattern::kind::rest) continue;
    const std::string_view value = s.values[next++];
    if (segment.text.empty()) continue;
    match.values.emplace_back(segment.text, value.find('%') == std::string_view::npos
                                                ? std::string(value)
                                                : decode_path(value).value_or(std::string()));
  }
  found->serve(request, response);
}

}  // namespace gos::http
