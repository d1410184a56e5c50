# fish completion for pidbox
complete -c pidbox -f
complete -c pidbox -l list -d 'print the names of the applets, one a line'
complete -c pidbox -l install -d 'make a link named like each applet in DIR; what is not a link to pidbox is left as it is and named'
complete -c pidbox -l hard -d 'with --install, make hard links instead of symbolic ones'
complete -c pidbox -l quiet -s q -d 'do not explain an answer of "no" (errors are always told)'
complete -c pidbox -l verbose -s v -d 'tell each step on standard error'
complete -c pidbox -l help -s h -d 'show this help'
complete -c pidbox -l version -d 'show the version'
