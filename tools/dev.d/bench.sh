ensure_packages all
build release all benchmarks
exec python3 bench/run.py "$@"
