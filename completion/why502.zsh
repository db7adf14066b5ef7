#compdef why502
# Completions of why502 for zsh. For this shell: source <(why502 completion zsh)
# That needs compinit, as for all completions: autoload -Uz compinit && compinit
# For all: why502 completion zsh > "${fpath[1]}/_why502"

_why502() {
    local line kind before= current=${words[CURRENT]}
    local -a found
    if [[ $current == *=* ]]; then
        before=${current%=*}=
    fi
    while IFS= read -r line; do
        if [[ $line == :* ]]; then
            kind=${line#:}
        else
            found+=("${line%%$'\t'*}:${line#*$'\t'}")
        fi
    done < <("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    compset -P '*='
    (( ${#found} )) && _describe 'why502' found
    case $kind in
    0) _files ;;
    16) _files -/ ;;
    esac
}

if [[ $funcstack[1] == _why502 ]]; then
    _why502 "$@"
else
    compdef _why502 why502
fi
