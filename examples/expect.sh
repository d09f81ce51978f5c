#!/bin/sh
# expect.sh INPUT PROGRAM... -- LINE...: runs PROGRAM with the text INPUT (a line that comes half a second after the
# start) as standard input; passes if it ends with status 0 and each LINE is a whole line of what it printed.
set -u
input=$1
shift
command=
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
  command="$command '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
  shift
done
[ "$#" -eq 0 ] || shift

output=$({ sleep 0.5; printf '%s\n' "$input"; } | { eval "$command"; echo "exit status $?"; })
status=0
for line in "exit status 0" "$@"; do
  if ! printf '%s\n' "$output" | grep -qxF -- "$line"; then
    printf 'missing in the output: %s\n' "$line"
    status=1
  fi
done
[ "$status" -eq 0 ] || printf 'the output:\n%s\n' "$output"
exit "$status"
