git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs -r clang-format -i
