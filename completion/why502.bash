# Completions of why502 for bash. For this shell: source <(why502 completion bash)
# For all: why502 completion bash > /etc/bash_completion.d/why502

_why502() {
    local word line kind current=${COMP_WORDS[COMP_CWORD]} words=() glued=
    # bash takes --flag=value apart; here it is one word again.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if [[ ${#words[@]} -gt 0 && ($word == = || -n $glued) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        [[ $word == = ]] && glued=1 || glued=
    done
    local before=
    [[ $current == = ]] && current=
    if [[ $COMP_WORDBREAKS != *=* && $current == *=* ]]; then
        before=${current%=*}=
        current=${current##*=}
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :* ]]; then
            kind=${line#:}
        else
            COMPREPLY+=("$before${line%%$'\t'*}")
        fi
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]}" 2>/dev/null)
    case $kind in
    0) kind=f ;;
    16) kind=d ;;
    *) return ;;
    esac
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
        COMPREPLY+=("$before$line")
    done < <(compgen -"$kind" -- "$current")
}

complete -F _why502 why502
