# Completions of why502 for fish. For this shell: why502 completion fish | source
# For all: why502 completion fish > ~/.config/fish/completions/why502.fish

function __why502_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l before (string match -r -- '^.*=' $current)
    set -l behind (string replace -r -- '^.*=' '' $current)
    set -l program (string replace -r '^~' $HOME $words[1])
    command -q $program; or return
    for line in ($program __complete $words[2..-1] $current 2>/dev/null)
        switch $line
            case ':0'
                string replace -r -- '^' "$before" (__fish_complete_path $behind)
            case ':16'
                string replace -r -- '^' "$before" (__fish_complete_directories $behind '')
            case ':*'
            case '*'
                printf '%s\n' "$before$line"
        end
    end
end

complete -c why502 -f -a '(__why502_complete)'
