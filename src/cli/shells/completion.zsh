#compdef cove
# cove completion for zsh: source <(cove completion zsh)
_cove() {
  local -a replies candidates
  replies=("${(@f)$(cove __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=("${(@)replies:#:files}")
  (( ${#candidates} )) && [[ -n ${candidates[1]} ]] && compadd -- "${candidates[@]}"
  (( ${replies[(I):files]} )) && _files
}
compdef _cove cove
