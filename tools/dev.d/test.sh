# The tests, cheapest first; ctest's summary comes last. Times are printed, since CI has a budget of 20 minutes.
all=""
case ${1:-} in
  "") ;;
  -all) all=1 ;;
  *) die "test takes -all or nothing, not \"$1\"" ;;
esac
started=$SECONDS
stamp() { say "$* ($((SECONDS - started)) s since the start)"; }

ensure_packages all
run_checks

# Unit, script and contract tests run under the address and undefined-behaviour sanitizers.
build asan
stamp "tests under ASan and UBSan"
ctest --test-dir build/asan --output-on-failure --no-tests=error -j 2 -L 'unit|contract' -LE slow

build tsan $(tools/dev.d/tsan_targets.sh)
stamp "tests of threaded libraries under TSan"
for test in $(tools/dev.d/tsan_targets.sh); do
  TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tools/tsan.supp" "build/tsan/bin/$test" --gtest_brief=1
done

stamp "fuzzing"
tools/dev.d/fuzz.sh ${all:+60}

build release
build dev
stamp "scripts, interoperability and real guests"
ctest --test-dir build/dev --output-on-failure --no-tests=error -j 2 -L 'script|interop' ${all:+-L slow}
tools/dev.d/guest_tests.sh ${all:+-all}
stamp "done"
