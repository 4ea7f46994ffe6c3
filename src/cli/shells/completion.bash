# cove completion for bash: eval "$(cove completion bash)"
_cove() {
  local words=() rest="$COMP_LINE" breaks= prefix= i current path reply
  # Readline ends words at '=' and ':' also; cove's go from blank to blank.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then
      words+=("")
      rest="${rest#"${rest%%[![:blank:]]*}"}"
    fi
    words[${#words[@]} - 1]+="${COMP_WORDS[i]}"
    rest="${rest#"${COMP_WORDS[i]}"}"
  done
  current="${words[${#words[@]} - 1]}"
  # A reply replaces only what follows the last of them.
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+='='
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=':'
  [[ -n $breaks && $current == *[$breaks]* ]] && prefix="${current%"${current##*[$breaks]}"}"
  COMPREPLY=()
  while IFS= read -r reply; do
    if [ "$reply" = :files ]; then
      path="$current"
      [[ $path == -*=* ]] && path="${path#*=}"
      while IFS= read -r reply; do
        reply="${current%"$path"}$reply"
        COMPREPLY+=("${reply#"$prefix"}")
        # Only for files: it has readline put a backslash before the ':' of "NAME:/".
        compopt -o filenames 2>/dev/null
      done < <(compgen -f -- "$path")
    else
      COMPREPLY+=("${reply#"$prefix"}")
      [[ $reply == *:/ ]] && compopt -o nospace 2>/dev/null
    fi
  done < <(cove __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _cove cove
