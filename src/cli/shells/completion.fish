# cove completion for fish: cove completion fish | source
function __cove_complete
  set -l words (commandline -opc) (commandline -ct)
  for reply in (cove __complete -- $words[2..-1] 2>/dev/null)
    if test "$reply" = ':files'
      set -l flag (string match -r -- '^-[^=]*=' (commandline -ct))
      for path in (__fish_complete_path (string replace -r -- '^-[^=]*=' '' (commandline -ct)))
        echo "$flag$path"
      end
    else
      echo $reply
    end
  end
end
complete -c cove -f -a '(__cove_complete)'
