#!/bin/sh
# expect.sh SECONDS PROGRAM... -- LINE...: runs PROGRAM with a line on standard input that comes SECONDS after the start;
# passes if it ends with status 0 and each LINE, an extended regular expression, matches a whole line of what it printed.
set -u
seconds=$1
shift
command=
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
  command="$command '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
  shift
done
[ "$#" -eq 0 ] || shift

output=$({ sleep "$seconds"; echo "a line"; } | { eval "$command"; echo "exit status $?"; })
status=0
for line in "exit status 0" "$@"; do
  if ! printf '%s\n' "$output" | grep -qxE -- "$line"; then
    printf 'missing in the output: %s\n' "$line"
    status=1
  fi
done
[ "$status" -eq 0 ] || printf 'the output:\n%s\n' "$output"
exit "$status"
