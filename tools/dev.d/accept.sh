ensure_packages all
build dev
COVE_TEST_ACCEPT=1 ctest --test-dir build/dev -L unit --output-on-failure
git status --short tests/golden
