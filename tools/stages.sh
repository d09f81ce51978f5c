# shellcheck shell=sh disable=SC2154,SC2086  # root, build and stages are gos's; unquoted words are lists
#
# stages.sh: the test stages of gos, sourced by it: what is built, which tests run, the count at the end.
#
# A stage is a build tree and a choice of ctest labels. Each is printed with its duration; its full output is in
# build/<stage>.log, and shown when it fails. A stage that cannot be built counts as one failure.

passed=0
failed=0

# counted LOG: adds up the line that ctest ends with: "98% tests passed, 2 tests failed out of 100".
counted() {
  bad=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests\{0,1\} failed out of [0-9]*.*$/\1/p' "$1" | tail -n 1)
  all=$(sed -n 's/^[0-9]*% tests passed, [0-9]* tests\{0,1\} failed out of \([0-9]*\).*$/\1/p' "$1" | tail -n 1)
  if [ -z "$all" ] || [ "$all" -eq 0 ]; then return 1; fi
  passed=$((passed + all - bad))
  failed=$((failed + bad))
  summary="$((all - bad)) of $all passed"
}

# at_fault LOG: the part of the log that says why.
at_fault() {
  grep -vE '^ *[0-9]+/[0-9]+ Test +#.*Passed|^ *Start +[0-9]+:|^\[[0-9]+/[0-9]+\]|^--' "$1" | tail -n 200 >&2
  say "the whole log: $1"
  # The first test that failed, and the seed that its process had.
  awk 'match($0, /Test +#[0-9]+: [^ ]+/) { split(substr($0, RSTART, RLENGTH), word, ": "); test = word[2] }
       match($0, /GOS_TEST_SEED=[0-9]+/) { print substr($0, RSTART, RLENGTH), test; exit }' "$1" |
    while read -r seed test; do
      say "one of them again: $seed${without_aslr:+ $without_aslr} ctest --test-dir build/$preset --output-on-failure --repeat until-fail:100 -R '^$test\$'"
    done
}

# run_ctest CTEST-ARGUMENT...
run_ctest() {
  $without_aslr ctest --test-dir "$tree" --output-on-failure --no-tests=error -j "$jobs" "$@" </dev/null
}

# repeat CTEST-ARGUMENT...: the conformance tests GOS_TEST_REPEAT times in a row, until one fails; a line for each time. The log
# is that of the last.
repeat() {
  round=1
  while run_ctest -L '^conformance$' "$@" >"$log" 2>&1; do
    [ "$round" -lt "$GOS_TEST_REPEAT" ] || return 0
    counted "$log" || return 1
    printf '%d of %d: %s, after %d s\n%-10s ' "$round" "$GOS_TEST_REPEAT" "$summary" $(($(date +%s) - started)) "$stage_name"
    round=$((round + 1))
  done
  return 1
}

# stage NAME PRESET TARGET CTEST-ARGUMENT...: builds the target of the preset and runs the tests that the arguments choose.
stage() {
  stage_name=$1
  preset=$2
  target=$3
  shift 3
  log=$build/$stage_name.log
  tree=$build/$preset
  started=$(date +%s)
  summary="no test ran"
  printf '%-10s ' "$stage_name"
  lock
  {
    (cd "$root" && cmake --preset "$preset" -DGOS_BUILD_TESTS=ON ${GOS_TEST_PROCS:+-DGOS_TEST_PROCS="$GOS_TEST_PROCS"} -DGOS_TEST_FOLDERS="${GOS_TEST_FOLDERS:-}") && ninja -C "$tree" -k 0 "$target"
  } >"$log" 2>&1
  built=$?
  unlock
  if [ "$built" -ne 0 ]; then
    summary="the build failed"
    failed=$((failed + 1))
    outcome=FAILED
  else
    compiled=$(($(date +%s) - started))
    if [ -n "${GOS_TEST_REPEAT:-}" ]; then repeat "$@"; else run_ctest "$@" >>"$log" 2>&1; fi
    tested=$?
    outcome=ok
    counted "$log" || failed=$((failed + 1))
    [ -z "${GOS_TEST_REPEAT:-}" ] || summary="$summary in round $round"
    [ "$tested" -eq 0 ] || outcome=FAILED
    summary="$summary, build ${compiled} s"
  fi
  printf '%-6s %4d s  (%s)\n' "$outcome" $(($(date +%s) - started)) "$summary"
  [ "$outcome" = ok ] || at_fault "$log"
}

# one_stage NAME: release, headers, layering, examples and libraries share a tree and divide its tests by label.
one_stage() {
  without_aslr=
  case $1 in
    layering) stage layering release rules_only -L '^layering$' ;;
    headers) stage headers release headers.pair -L '^headers$' ;;
    examples) stage examples release all -L '^examples$' ;;
    libraries) stage libraries release libraries -L '^libraries$' ;;
    release)
      given=${GOS_TEST_PROCS:-}
      [ -z "$usual" ] || : "${GOS_TEST_PROCS:=1;8}"
      stage release release all -LE '^(layering|headers|examples|libraries)$'
      GOS_TEST_PROCS=$given ;;
    tsan)
      # ThreadSanitizer's shadow memory and a highly randomised address space do not go together.
      if setarch "$(uname -m)" -R true 2>/dev/null; then without_aslr="setarch $(uname -m) -R"; fi
      # It sleeps for a second at the end of each process, and the tests end very many.
      export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}atexit_sleep_ms=0"
      # The runtime's own sources are not instrumented: what TSan sees is what users see.
      given=${GOS_TEST_FOLDERS:-}
      [ -z "$usual" ] || : "${GOS_TEST_FOLDERS:=conformance;stress}"
      stage tsan tsan all -LE '^(layering|headers)$'
      GOS_TEST_FOLDERS=$given ;;
    asan)
      given=${GOS_TEST_FOLDERS:-}
      [ -z "$usual" ] || : "${GOS_TEST_FOLDERS:=unit;hook;model;programs;stress}"
      stage asan asan all -LE '^(layering|headers)$'
      GOS_TEST_FOLDERS=$given ;;
    clang) stage clang clang all -LE '^layering$' ;;  # the headers once more: it has warnings of its own
    *) stage "$1" "$1" all -LE '^(layering|headers)$' ;;
  esac
}

test_stages() {
  case ${GOS_TEST_REPEAT:-} in
    '') ;;
    *[!0-9]* | 0*) wrong "GOS_TEST_REPEAT is '$GOS_TEST_REPEAT'; give the number of times that the conformance tests run" ;;
    *) [ "$#" -gt 0 ] || set -- release ;;
  esac
  # Together the usual stages run with 1, 2, 4 and 8 processors; the stage release alone, and in all, with each of these. Of the
  # usual stages TSan has the tests from outside and ASan those from inside; alone, and in all, each has every test.
  usual=
  if [ "$#" -eq 0 ]; then
    usual=yes
    eval "set -- $usual_stages"
  fi
  [ "$*" != all ] || eval "set -- $stages"
  for name in "$@"; do
    case " $stages " in
      *" $name "*) ;;
      *) wrong "test: there is no stage '$name'; choose from: $stages" ;;
    esac
    case ${GOS_TEST_REPEAT:+$name} in
      layering | headers | examples | libraries) wrong "GOS_TEST_REPEAT: the stage '$name' has no conformance tests; take release or a sanitizer" ;;
    esac
  done
  # CXX is for `gos run` and `gos build`: the stages say themselves what they compile with.
  unset CXX CXXFLAGS
  chosen=
  for name in "$@"; do
    case $name in
      layering | headers | examples) need_preset release; need_tests ;;
      release) need_preset release; need_tests ;;
      libraries) need_preset release; need_tests; need_servers ;;
      *) need_preset "$name" ;;
    esac
    case $name in
      release | lto | clang) need gdb gdb ;;
    esac
  done
  missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ' | sed -e 's/ *$//' -e 's/^\(.\)/ \1/')
  install_missing "build and run the tests"
  mkdir -p "$build" || exit 1
  jobs=$(($(nproc) * 3))  # most tests wait rather than compute
  for name in "$@"; do one_stage "$name"; done
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit $?
}

# check: the lines that differ from the last commit are formatted, the rules hold, the usual stages pass.
check() {
  need python3 python3
  need clang-format clang-format
  install_missing "check the format"
  cd "$root" || exit 1
  if git rev-parse -q --verify HEAD >/dev/null 2>&1; then
    difference=$(git clang-format --quiet --diff HEAD -- '*.cpp' '*.hpp' 2>&1)
    case $difference in
      '' | *'no modified files to format'* | *'did not modify any files'*) ;;
      *) printf '%s\n' "$difference"; say "format: apply it with git clang-format"; exit 1 ;;
    esac
  fi
  python3 tools/tidy.py || exit $?
  test_stages "$@"
}
