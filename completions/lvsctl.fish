# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_lvsctl_global_optspecs
    string join \n dry-run json netns= state-dir= wait= v/verbose h/help V/version
end

function __fish_lvsctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_lvsctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_lvsctl_using_subcommand
    set -l cmd (__fish_lvsctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c lvsctl -n "__fish_lvsctl_needs_command" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_needs_command" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_needs_command" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_needs_command" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -s V -l version -d 'Print version'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "director" -d 'Manage the role of director, to which clients connect and which forwards their connections'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "real-server" -d 'Manage the role of real server, which answers the connections'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "apply" -d 'Make this machine match a cluster file, or its table the output of `ipvsadm -S`'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "diff" -d 'Print what `apply` would change; exit 0 if in sync, 2 if it differs'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "down" -d 'Revert what `apply` changed'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "status" -d 'Compare this machine with a cluster file, or with everything that lvsctl set here; exit 0 if in sync, 2 if it differs'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "undo" -d 'Revert the last `apply`, to the state before it'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "log" -d 'Print what lvsctl changed here, when, by whom, and how it ended'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "drain" -d 'Give a real server no new connections, and wait until those that it has have ended; exit 2 if some have not'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "resume" -d 'Give a real server that was drained its previous weight again'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "check" -d 'Probe the real servers from this director, by the path that packets of clients take; exit 0 if all answer, 1 if not'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "compare" -d 'Compare two directors that are to agree; exit 0 if they do, 2 if not'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "metrics" -d 'Print the table and its counters for Prometheus'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "top" -d 'Show services and real servers with their rates and connections; elsewhere than on a terminal, print a line of JSON per reading'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "monitor" -d 'Print each change of the table and of the synchronization daemons, as the command that makes it'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "validate" -d 'Check a file as far as that is possible without the machine; exit 0 if it is valid, 1 if not'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "confirm" -d 'Keep the change that waits to be confirmed; see --confirm'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "install" -d 'Write a systemd unit and drop-ins that apply a cluster file at every boot'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "uninstall" -d 'Remove what `install` wrote'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "doctor" -d 'Report what is wrong with this machine, why, and how to fix it; exit 0 if nothing, 1 with failures, 2 with warnings only, 3 if something could not be read'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "trace" -d 'Follow requests and replies through this machine, stage by stage; exit 0 if they pass, 1 if they stop, 3 if a stage cannot be judged'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "snapshot" -d 'Write all facts that the doctor reads to a file, for `doctor --from`'
complete -c lvsctl -n "__fish_lvsctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -f -a "up" -d 'Make this machine the director of the services'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -f -a "down" -d 'Revert that; without --service, for every service of the addresses'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -f -a "status" -d 'Compare actual and desired state; exit 0 if in sync, 2 if they differ'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and not __fish_seen_subcommand_from up down status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l mode -d 'How packets reach the real servers; `down` and `status` take it from the journal by default' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l vip -d 'Virtual address that clients connect to; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l device -d 'Interface that faces the clients (director) or the director (real server); by default the one whose subnet holds the virtual address, or the gateway' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l service -d 'Service on each virtual address, such as tcp:80; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l scheduler -d 'Scheduler of each service' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l real -d 'Real server of each service, such as 192.168.10.2,weight=3; may be repeated. Only nat may have another port than the service' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l mode -d 'How packets reach the real servers; `down` and `status` take it from the journal by default' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l vip -d 'Virtual address that clients connect to; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l device -d 'Interface that faces the clients (director) or the director (real server); by default the one whose subnet holds the virtual address, or the gateway' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l service -d 'Service on each virtual address, such as tcp:80; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l scheduler -d 'Scheduler of each service' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l real -d 'Real server of each service, such as 192.168.10.2,weight=3; may be repeated. Only nat may have another port than the service' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l mode -d 'How packets reach the real servers; `down` and `status` take it from the journal by default' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l vip -d 'Virtual address that clients connect to; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l device -d 'Interface that faces the clients (director) or the director (real server); by default the one whose subnet holds the virtual address, or the gateway' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l service -d 'Service on each virtual address, such as tcp:80; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l scheduler -d 'Scheduler of each service' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l real -d 'Real server of each service, such as 192.168.10.2,weight=3; may be repeated. Only nat may have another port than the service' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from help" -f -a "up" -d 'Make this machine the director of the services'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from help" -f -a "down" -d 'Revert that; without --service, for every service of the addresses'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from help" -f -a "status" -d 'Compare actual and desired state; exit 0 if in sync, 2 if they differ'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand director; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -f -a "up" -d 'Make this machine a real server of the addresses'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -f -a "down" -d 'Revert that'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -f -a "status" -d 'Compare actual and desired state; exit 0 if in sync, 2 if they differ'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and not __fish_seen_subcommand_from up down status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l mode -d 'How packets reach the real servers; `down` and `status` take it from the journal by default' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l vip -d 'Virtual address that clients connect to; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l device -d 'Interface that faces the clients (director) or the director (real server); by default the one whose subnet holds the virtual address, or the gateway' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l gateway -d 'Address of the director, which all replies pass (nat); may be repeated, once per address family' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l no-advmss -d 'Do not make the default routes announce an MSS that fits the tunnel (tun)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l mode -d 'How packets reach the real servers; `down` and `status` take it from the journal by default' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l vip -d 'Virtual address that clients connect to; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l device -d 'Interface that faces the clients (director) or the director (real server); by default the one whose subnet holds the virtual address, or the gateway' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l gateway -d 'Address of the director, which all replies pass (nat); may be repeated, once per address family' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l no-advmss -d 'Do not make the default routes announce an MSS that fits the tunnel (tun)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l mode -d 'How packets reach the real servers; `down` and `status` take it from the journal by default' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l vip -d 'Virtual address that clients connect to; may be repeated' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l device -d 'Interface that faces the clients (director) or the director (real server); by default the one whose subnet holds the virtual address, or the gateway' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l gateway -d 'Address of the director, which all replies pass (nat); may be repeated, once per address family' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l no-advmss -d 'Do not make the default routes announce an MSS that fits the tunnel (tun)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from help" -f -a "up" -d 'Make this machine a real server of the addresses'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from help" -f -a "down" -d 'Revert that'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from help" -f -a "status" -d 'Compare actual and desired state; exit 0 if in sync, 2 if they differ'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand real-server; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l role -d 'Role of this machine; by default found by its addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l drain -d 'Wait so long for the connections of real servers that the file no longer has; delete each when it has none' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l allow -d 'Permitted kinds of change; a plan with any other is refused. All by default' -r -f -a "add\t'Add something'
edit\t'Change a value'
quiesce\t'Set the weight of a real server to 0, and nothing else: no new connections'
delete\t'Remove something'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l keep-weights -d 'Keep the weights of existing real servers, which a health checker manages'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l exclusive -d 'Remove every service and destination that is not in the file'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l cut -d 'Delete real servers that the file no longer has although they have connections, and reset these; with --drain, at the end of that time'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l reorder -d 'Put the destinations into the order of the file where the scheduler depends on it (sh, dh, mh, lblc, lblcr, fo, ovf); new connections of some clients go to another real server'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l role -d 'Role of this machine; by default found by its addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l drain -d 'Wait so long for the connections of real servers that the file no longer has; delete each when it has none' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l allow -d 'Permitted kinds of change; a plan with any other is refused. All by default' -r -f -a "add\t'Add something'
edit\t'Change a value'
quiesce\t'Set the weight of a real server to 0, and nothing else: no new connections'
delete\t'Remove something'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l keep-weights -d 'Keep the weights of existing real servers, which a health checker manages'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l exclusive -d 'Remove every service and destination that is not in the file'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l cut -d 'Delete real servers that the file no longer has although they have connections, and reset these; with --drain, at the end of that time'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l reorder -d 'Put the destinations into the order of the file where the scheduler depends on it (sh, dh, mh, lblc, lblcr, fo, ovf); new connections of some clients go to another real server'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand down" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -l role -d 'Role of this machine; by default found by its addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l confirm -d 'Revert the change after this time, unless `lvsctl confirm` is run before' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l force -d 'Take a virtual address even if another machine answers for it, and change the route to the peer of this ssh session without --confirm; `undo` keeps what others changed since'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand undo" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand log" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l service -d 'Only as a destination of this service, such as tcp://192.168.10.10:80 or fwmark://7' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l within -d 'How long to wait for the connections to end' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l then -d 'What becomes of the real server then' -r -f -a "keep\t'Stay in the table with weight 0'
delete\t'Be deleted from the table; only if it has no connections'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l cut -d 'Reset the connections that are left at the end'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l service -d 'Only as a destination of this service, such as tcp://192.168.10.10:80 or fwmark://7' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l over -d 'Raise the weight in steps, over this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand resume" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l real -d 'Only this real server' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l mode -d 'How packets reach the real server, if it is not in the table (any more)' -r -f -a "nat\t'Network address translation'
tun\t'IP tunnelling'
dr\t'Direct routing'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l to -d 'Address and port that clients use, such as tcp://192.168.10.10:80, of a service by mark or of every port' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l timeout -d 'How long to wait for an answer' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand compare" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l role -d 'Role of this machine, for --drift; by default found by its addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l per -d 'How far the metrics go into detail' -r -f -a "total\t'Counters of the whole table'
service\t'Counters of each service, connections and weight of each real server'
destination\t'Counters of each real server too, which takes the kernel a dump per service'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l listen -d 'Serve the metrics over HTTP, at /metrics of this address' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l output -d 'Replace this file at once, for the textfile collector of node_exporter' -r -F
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l drift -d 'Count the items that differ from the file, or from what lvsctl has set'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l findings -d 'Count the findings of the doctor, too, who takes longer than the table'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand metrics" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l role -d 'Role of this machine; by default found by its addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l interval -d 'How often the table is read' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l interval -d 'How often the table is read' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l initial -d 'Begin with what is in the table, as if it had just been added'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand monitor" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand validate" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l revert -d 'Revert the change now'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l watch -d 'Wait for the end of the time, and revert the change then'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand confirm" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l role -d 'Role of this machine; by default found by its addresses, at every boot again' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l root -d 'Write below this directory' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l keep-weights -d 'Apply with --keep-weights'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l exclusive -d 'Apply with --exclusive'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -l root -d 'Remove below this directory' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand uninstall" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l role -d 'Role of this machine; by default found by its addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l symptom -d 'What you observe; the checks that explain it come first' -r -f -a "no-syn\t'No request reaches the real server'
no-synack\t'Requests reach the real server, and no reply leaves it'
refused\t'Clients are refused at once'
client-reset\t'Replies leave the real server, and the client resets or ignores them'
some-clients\t'It works for some clients only'
one-server-only\t'One real server gets all connections'
uploads-hang\t'Small pages work, uploads hang'
after-minutes\t'It works, and stops after minutes'
after-reboot\t'It worked before the machine was rebooted'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l watch -d 'Read the counters twice, SECONDS apart, and show those that increased' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l from -d 'Read a file written by `lvsctl snapshot`, here or on another machine' -r -F
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l fix -d 'Make the repairs that lvsctl can make itself, after showing them'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l yes -d 'Do not ask before making repairs'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l undo -d 'Revert all repairs of --fix'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l probe -d 'Probe for duplicate VIPs (ARP/ND) and for the path MTU to tunnel real servers'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l from -d 'Address of a client; by default one of each network that clients may be in' -r -F
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l role -d 'Role of this machine; by default found by its table and addresses' -r -f -a "director\t'Forwards connections'
real-server\t'Answers them'"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -l netns -d 'Work in this network namespace: a name of `ip netns`, a path, or the PID of a process' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -l state-dir -d 'Directory of the journal' -r -f -a "(__fish_complete_directories)"
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -l wait -d 'Wait for another running lvsctl, for at most this time' -r -f
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -l dry-run -d 'Print the steps as shell commands; change nothing'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -l json -d 'Print one JSON object'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -s v -l verbose -d 'Trace netlink messages and sysctl writes on standard error'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand snapshot" -s h -l help -d 'Print help'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "director" -d 'Manage the role of director, to which clients connect and which forwards their connections'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "real-server" -d 'Manage the role of real server, which answers the connections'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "apply" -d 'Make this machine match a cluster file, or its table the output of `ipvsadm -S`'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "diff" -d 'Print what `apply` would change; exit 0 if in sync, 2 if it differs'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "down" -d 'Revert what `apply` changed'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "status" -d 'Compare this machine with a cluster file, or with everything that lvsctl set here; exit 0 if in sync, 2 if it differs'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "undo" -d 'Revert the last `apply`, to the state before it'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "log" -d 'Print what lvsctl changed here, when, by whom, and how it ended'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "drain" -d 'Give a real server no new connections, and wait until those that it has have ended; exit 2 if some have not'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "resume" -d 'Give a real server that was drained its previous weight again'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "check" -d 'Probe the real servers from this director, by the path that packets of clients take; exit 0 if all answer, 1 if not'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "compare" -d 'Compare two directors that are to agree; exit 0 if they do, 2 if not'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "metrics" -d 'Print the table and its counters for Prometheus'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "top" -d 'Show services and real servers with their rates and connections; elsewhere than on a terminal, print a line of JSON per reading'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "monitor" -d 'Print each change of the table and of the synchronization daemons, as the command that makes it'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "validate" -d 'Check a file as far as that is possible without the machine; exit 0 if it is valid, 1 if not'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "confirm" -d 'Keep the change that waits to be confirmed; see --confirm'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "install" -d 'Write a systemd unit and drop-ins that apply a cluster file at every boot'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "uninstall" -d 'Remove what `install` wrote'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "doctor" -d 'Report what is wrong with this machine, why, and how to fix it; exit 0 if nothing, 1 with failures, 2 with warnings only, 3 if something could not be read'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "trace" -d 'Follow requests and replies through this machine, stage by stage; exit 0 if they pass, 1 if they stop, 3 if a stage cannot be judged'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "snapshot" -d 'Write all facts that the doctor reads to a file, for `doctor --from`'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and not __fish_seen_subcommand_from director real-server apply diff down status undo log drain resume check compare metrics top monitor validate confirm install uninstall doctor trace snapshot help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and __fish_seen_subcommand_from director" -f -a "up" -d 'Make this machine the director of the services'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and __fish_seen_subcommand_from director" -f -a "down" -d 'Revert that; without --service, for every service of the addresses'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and __fish_seen_subcommand_from director" -f -a "status" -d 'Compare actual and desired state; exit 0 if in sync, 2 if they differ'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and __fish_seen_subcommand_from real-server" -f -a "up" -d 'Make this machine a real server of the addresses'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and __fish_seen_subcommand_from real-server" -f -a "down" -d 'Revert that'
complete -c lvsctl -n "__fish_lvsctl_using_subcommand help; and __fish_seen_subcommand_from real-server" -f -a "status" -d 'Compare actual and desired state; exit 0 if in sync, 2 if they differ'
