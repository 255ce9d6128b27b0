# Tab completion for bash: commands, options, and the sources of the configuration.
#   source deploy/completion/nexus-backup.bash        in ~/.bashrc, or
#   cp deploy/completion/nexus-backup.bash /etc/bash_completion.d/nexus-backup
_nexus_backup() {
    local word="${COMP_WORDS[COMP_CWORD]}" suggestion
    COMPREPLY=()
    while IFS= read -r suggestion; do
        [[ $suggestion == -? ]] && continue # the long form is there as well
        # A name with a space or a quote is completed as the shell needs it written.
        [[ $suggestion == "$word"* ]] && COMPREPLY+=("$(printf %q "$suggestion")")
    done < <("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
}
complete -F _nexus_backup nexus-backup
