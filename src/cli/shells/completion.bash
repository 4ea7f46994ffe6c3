# cove completion for bash: eval "$(cove completion bash)"
_cove() {
  local current="${COMP_WORDS[COMP_CWORD]}" reply
  COMPREPLY=()
  while IFS= read -r reply; do
    if [ "$reply" = :files ]; then
      while IFS= read -r reply; do COMPREPLY+=("$reply"); done < <(compgen -f -- "$current")
      compopt -o filenames 2>/dev/null
    else
      COMPREPLY+=("$reply")
    fi
  done < <(cove __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _cove cove
