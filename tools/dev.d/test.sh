# The tests, cheapest first; ctest's summary comes last. Times are printed, since CI has a budget of 20 minutes.
all=""
slow=(--label-exclude slow)
case ${1:-} in
  "") ;;
  -all) all=1 slow=() ;;
  *) die "test takes -all or nothing, not \"$1\"" ;;
esac
started=$SECONDS
stamp() { say "$* ($((SECONDS - started)) s since the start)"; }

ensure_packages all
run_checks

# Everything that needs no guest runs under the address and undefined-behaviour sanitizers.
build asan
stamp "unit, contract, script and interoperability tests under ASan and UBSan"
[ -z "$all" ] || export COVE_TEST_MODEL_RUNS=100
ctest --test-dir build/asan --output-on-failure --no-tests=error -j 2 "${slow[@]}"

read -ra threaded < <(tools/dev.d/tsan_targets.sh)
build tsan "${threaded[@]}"
stamp "tests of threaded libraries under TSan"
for test in "${threaded[@]}"; do
  TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" "build/tsan/bin/$test" --gtest_brief=1
done

stamp "fuzzing"
tools/dev.d/fuzz.sh ${all:+60}

build release
stamp "a gigabyte each way through exec, release build, fake engine"
PATH="$PWD/build/release/bin:$PATH" COVE_BACKEND=fake cove script test tests/bulk/*.txtar

stamp "real guests"
tools/dev.d/guest_tests.sh ${all:+-all}
stamp "every tier passed"
