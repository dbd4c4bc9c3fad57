# Completion of lvsctl for fish.

function __lvsctl_in
    string match --quiet --regex -- "^$argv[1]\$" (commandline --cut-at-cursor --tokenize --current-process)
end

function __lvsctl_role
    __lvsctl_in '(director|real-server|apply|diff|down|status|install|uninstall|doctor|snapshot|help)'
end

function __lvsctl_ready
    __lvsctl_in '(director|real-server|help)'
    and __lvsctl_in '(up|down|status)'
end

function __lvsctl_sets_up
    __lvsctl_in '(director|real-server|help)'
    and not __lvsctl_ready
end

function __lvsctl_file
    __lvsctl_in '(apply|diff|down|status|install|uninstall|doctor)'
    and not __lvsctl_in '(director|real-server|help)'
end

complete -c lvsctl -f
complete -c lvsctl -n 'not __lvsctl_role' -a director -d 'the machine that clients connect to'
complete -c lvsctl -n 'not __lvsctl_role' -a real-server -d 'a machine that answers'
complete -c lvsctl -n 'not __lvsctl_role' -a apply -d 'make this machine what a cluster file says'
complete -c lvsctl -n 'not __lvsctl_role' -a diff -d 'what apply would do'
complete -c lvsctl -n 'not __lvsctl_role' -a down -d 'take back what apply did'
complete -c lvsctl -n 'not __lvsctl_role' -a status -d 'compare with a cluster file'
complete -c lvsctl -n 'not __lvsctl_role' -a install -d 'apply a cluster file at every boot'
complete -c lvsctl -n 'not __lvsctl_role' -a uninstall -d 'remove what install wrote'
complete -c lvsctl -n 'not __lvsctl_role' -a doctor -d 'what is wrong, and what mends it'
complete -c lvsctl -n 'not __lvsctl_role' -a snapshot -d 'write what the doctor looks at'
complete -c lvsctl -n 'not __lvsctl_role' -a help -d 'print the options of a command'
complete -c lvsctl -n __lvsctl_sets_up -a up -d 'set this machine up'
complete -c lvsctl -n __lvsctl_sets_up -a down -d 'take that back'
complete -c lvsctl -n __lvsctl_sets_up -a status -d 'compare with what it should be'
complete -c lvsctl -n __lvsctl_ready -l mode -x -a 'nat tun dr' -d 'how packets reach the real servers'
complete -c lvsctl -n __lvsctl_ready -l vip -x -d 'virtual address'
complete -c lvsctl -n __lvsctl_ready -l device -x -a '(ls /sys/class/net)' -d 'interface that faces the clients or the director'
complete -c lvsctl -n '__lvsctl_ready; and __lvsctl_in real-server' -l gateway -x -d 'the director, through which answers go'
complete -c lvsctl -n '__lvsctl_ready; and __lvsctl_in director' -l service -x -d 'service, such as tcp:80'
complete -c lvsctl -n '__lvsctl_ready; and __lvsctl_in director' -l scheduler -x -a 'rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos' -d 'who gets the next connection'
complete -c lvsctl -n '__lvsctl_ready; and __lvsctl_in director' -l real -x -d 'real server'
complete -c lvsctl -n __lvsctl_file -F
complete -c lvsctl -n '__lvsctl_file; and __lvsctl_in "(apply|diff|status|install|doctor)"' -l role -x -a 'director real-server' -d 'what this machine is'
complete -c lvsctl -n '__lvsctl_in "(apply|diff|install)"' -l keep-weights -d 'leave weights to a health checker'
complete -c lvsctl -n '__lvsctl_in "(apply|diff|install)"' -l exclusive -d 'remove what the file does not name'
complete -c lvsctl -n '__lvsctl_in "(apply|diff)"' -l allow -x -a 'add edit quiesce delete' -d 'kinds of change that may be made'
complete -c lvsctl -n '__lvsctl_in "(install|uninstall)"' -l root -x -a '(__fish_complete_directories)' -d 'write below this directory'
complete -c lvsctl -n '__lvsctl_in doctor' -l fix -d 'make the repairs, after showing them'
complete -c lvsctl -n '__lvsctl_in doctor' -l yes -d 'do not ask'
complete -c lvsctl -n '__lvsctl_in doctor' -l undo -d 'take back every repair'
complete -c lvsctl -n '__lvsctl_in doctor' -l symptom -x -a 'no-syn no-synack client-reset some-clients uploads-hang after-minutes after-reboot' -d 'what is seen'
complete -c lvsctl -n '__lvsctl_in doctor' -l probe -d 'send a few packets to find out more'
complete -c lvsctl -n '__lvsctl_in doctor' -l watch -x -d 'show the counters that move in so many seconds'
complete -c lvsctl -n '__lvsctl_in doctor' -l from -r -F -d 'read what snapshot wrote'
complete -c lvsctl -n '__lvsctl_in snapshot' -F
complete -c lvsctl -l dry-run -d 'print the steps as shell commands'
complete -c lvsctl -l json -d 'print one JSON object'
complete -c lvsctl -l netns -x -a '(ip netns list 2>/dev/null | string replace --regex " .*" "")' -d 'network namespace'
complete -c lvsctl -l state-dir -x -a '(__fish_complete_directories)' -d 'where the journal is'
complete -c lvsctl -l wait -x -d 'let another run finish first'
complete -c lvsctl -s v -l verbose -d 'trace netlink messages and sysctl writes'
complete -c lvsctl -s h -l help -d 'print a summary'
complete -c lvsctl -n 'not __lvsctl_role' -s V -l version -d 'print the version'
