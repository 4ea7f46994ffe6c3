ensure_packages run
build release
exec build/release/bin/cove up "$@"
