ensure_packages run
build "${1:-release}"
echo "programs: build/${1:-release}/bin"
