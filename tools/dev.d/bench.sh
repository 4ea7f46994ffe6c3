ensure_packages all
# rpc_bench runs beside grpc++, which a build for users does without.
configure_options=(-DCOVE_BENCH=ON)
build release all benchmarks
exec python3 bench/run.py "$@"
