ensure_packages run
build release
build/release/bin/cove up "$@"
if [ ! "$(command -v cove)" -ef build/release/bin/cove ]; then
  cat <<END

cove is build/release/bin/cove of this folder. To call it by its name alone:
  tools/dev install ~/.local                      # or any prefix whose bin is in PATH
  export PATH="$PWD/build/release/bin:\$PATH"     # this shell only
END
fi
