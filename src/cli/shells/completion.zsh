#compdef cove
# cove completion for zsh: source <(cove completion zsh)
_cove() {
  local -a replies candidates
  replies=("${(@f)$(cove __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=("${(@)replies:#:files}")
  local none=1
  (( ${#candidates} )) && [[ -n ${candidates[1]} ]] && compadd -- "${candidates[@]}" && none=0
  (( ${replies[(I):files]} )) && { compset -P '-*='; _files } && none=0
  return none
}
# As a file of fpath this is the body of _cove; sourced, it has to name it. compinit is loaded if nobody did.
if [[ ${funcstack[1]} == _cove ]]; then
  _cove "$@"
else
  (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i }
  compdef _cove cove
fi
