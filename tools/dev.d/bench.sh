ensure_packages all
build release
exec python3 bench/run.py "$@"
