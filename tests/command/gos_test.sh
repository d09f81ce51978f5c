#!/bin/sh
# gos_test: `gos run` as a user meets it: paths, arguments, exit statuses, what is rebuilt and what is not, mistakes.
# Usage: gos_test.sh GOS. Works in a folder of its own, with a name that holds a space.
# shellcheck disable=SC2016  # what stands in single quotes is expanded by an inner sh
set -u
gos=$1
folder=$(mktemp -d) || exit 1
cleanup() {
  grep -l "^ $folder\|: $folder" "$(dirname "$(readlink -f "$gos")")"/build/run/*/depends 2>/dev/null |
    while read -r depends; do rm -rf "$(dirname "$depends")"; done
  rm -rf "$folder"
}
trap cleanup EXIT
mkdir "$folder/my programs" && cd "$folder/my programs" || exit 1
unset CXX CXXFLAGS
failures=0

# expect WHAT STATUS PATTERN COMMAND...: the command ends with STATUS and prints a line that matches PATTERN.
expect() {
  what=$1 want=$2 pattern=$3
  shift 3
  output=$("$@" 2>&1)
  got=$?
  if [ "$got" -ne "$want" ] || ! printf '%s\n' "$output" | grep -qE -- "$pattern"; then
    failures=$((failures + 1))
    printf 'FAILED: %s: status %d (wanted %d), no line like /%s/ in:\n%s\n' "$what" "$got" "$want" "$pattern" "$output"
  fi
}

cat >answer.cpp <<'EOF'
#include <gossamer/gossamer.hpp>
#include "what it is.hpp"
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv) {
  std::printf("answer %d, argument %s\n", ANSWER, argc > 1 ? argv[1] : "none");
  return argc > 2 ? std::atoi(argv[2]) : 0;
}
EOF
echo '#define ANSWER 41' >"what it is.hpp"
expect "a first run" 0 '^answer 41, argument none$' "$gos" run answer.cpp
expect "arguments and exit status" 7 '^answer 41, argument two  words$' "$gos" run answer.cpp "two  words" 7

binary=$(find "$(dirname "$(readlink -f "$gos")")/build/run" -name answer -newer answer.cpp -type f)
before=$(stat -c %Y.%i "$binary")
silent=$("$gos" run answer.cpp 2>&1 >/dev/null)
[ -z "$silent" ] || { echo "FAILED: a run that builds nothing says: $silent"; failures=$((failures + 1)); }
[ "$(stat -c %Y.%i "$binary")" = "$before" ] || { echo "FAILED: built again without a change"; failures=$((failures + 1)); }

echo '#define ANSWER 42' >"what it is.hpp"
expect "a changed header" 0 '^answer 42' "$gos" run answer.cpp
sed 's/ANSWER,/ANSWER + 1,/' answer.cpp >newer.cpp && touch -d '2001-01-01' newer.cpp && mv newer.cpp answer.cpp
expect "an older file moved over the source" 0 '^answer 43' "$gos" run answer.cpp

ln -s "$gos" "$folder/a link"
expect "through a symbolic link, from elsewhere" 3 '^answer 43, argument x$' \
  sh -c 'cd / && "$1" run "$2/my programs/answer.cpp" x 3' sh "$folder/a link" "$folder"

cat >network.cpp <<'EOF'
#include <gossamer/net.hpp>
#include <cstdio>
int main() {
  auto listener = gos::net::listen("tcp", "127.0.0.1:0");
  std::puts(listener ? "listening" : listener.error().message().c_str());
}
EOF
expect "a component is linked because its header is included" 0 '^listening$' "$gos" run network.cpp

echo 'int main() { return undeclared; }' >broken.cpp
expect "a compile error" 1 'error: .undeclared. was not declared' "$gos" run broken.cpp
expect "the same error again" 1 'error: .undeclared. was not declared' "$gos" run broken.cpp
echo 'int nowhere(); int main() { return nowhere(); }' >unlinked.cpp
expect "a link error" 1 'undefined reference' "$gos" run unlinked.cpp

expect "no command" 2 '^usage: ' "$gos"
expect "a wrong command" 2 "no command 'runn'.*help" "$gos" runn answer.cpp
expect "no file" 2 'no file given' "$gos" run
expect "a missing file" 2 "there is no file 'absent.cpp'" "$gos" run absent.cpp
expect "a wrong suffix" 2 "'README.md' is not a C\+\+ source file" "$gos" run README.md
expect "a folder" 2 "'folder.cpp' is not a file" sh -c 'mkdir folder.cpp; "$1" run folder.cpp' sh "$gos"
expect "a wrong stage" 2 "no stage 'relaese'.*release" "$gos" test relaese
expect "a repetition that is no number" 2 "GOS_TEST_REPEAT is 'often'" env GOS_TEST_REPEAT=often "$gos" test release
expect "a repetition of nothing" 2 "GOS_TEST_REPEAT is '0'" env GOS_TEST_REPEAT=0 "$gos" test
expect "a stage without conformance tests" 2 "stage 'layering' has no conformance tests" \
  env GOS_TEST_REPEAT=2 "$gos" test layering
expect "a wrong preset" 2 "no preset 'relaese'.*release" "$gos" build relaese
expect "a compiler that does not exist" 2 "CXX is 'no-such-compiler'" env CXX=no-such-compiler "$gos" run answer.cpp

cat >waits.cpp <<'EOF'
#include <cstdio>
#include <unistd.h>
int main() { std::puts("waiting"); std::fflush(stdout); for (;;) ::pause(); }
EOF
# The program replaces gos, so that a signal to gos's process, as Ctrl-C sends it, is the program's.
mkfifo pipe
"$gos" run waits.cpp >pipe 2>/dev/null &
pid=$!
read -r line <pipe
kill -TERM "$pid"
wait "$pid"
status=$?
if [ "$line" != waiting ] || [ "$status" -ne 143 ]; then
  echo "FAILED: a signal: the program said '$line' and ended with $status (wanted 143)"
  failures=$((failures + 1))
fi

[ "$failures" -eq 0 ] && echo "all as expected"
exit "$failures"
