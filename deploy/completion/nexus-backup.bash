# Tab completion for bash: commands, options, files, and the sources and backups of the configuration.
#   source deploy/completion/nexus-backup.bash        in ~/.bashrc, or
#   cp deploy/completion/nexus-backup.bash /etc/bash_completion.d/nexus-backup
_nexus_backup() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" suggestion
    COMPREPLY=()
    # The shell splits "--config=FILE" at its sign.
    [[ $word == "=" ]] && word=''
    [[ $before == "=" ]] && before="${COMP_WORDS[COMP_CWORD - 2]}"
    case $before in
        -c | --config | --to | --directory | --textfile)
            compopt -o filenames 2>/dev/null
            if [[ $before == --directory ]]; then mapfile -t COMPREPLY < <(compgen -d -- "$word"); else mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi
            return
            ;;
    esac
    while IFS= read -r suggestion; do
        [[ $suggestion == -? ]] && continue # the long form is there as well
        # A name with a space or a quote is completed as the shell needs it written.
        [[ $suggestion == "$word"* ]] && COMPREPLY+=("$(printf %q "$suggestion")")
    done < <("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
    if [[ $before == --id ]] && ((${#COMPREPLY[@]})); then # an id begins with its time: the newest first
        compopt -o nosort 2>/dev/null
        mapfile -t COMPREPLY < <(printf '%s\n' "${COMPREPLY[@]}" | sort -r)
    fi
    return 0
}
complete -F _nexus_backup nexus-backup
