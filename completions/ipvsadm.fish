# Completion of ipvsadm, ipvsadm-save and ipvsadm-restore for fish.

# The command of the line: its first option, in its short spelling where it has one.
function __ipvsadm_command
    for word in (commandline --cut-at-cursor --tokenize --current-process)[2..]
        switch $word
            case --add-service
                echo A
            case --edit-service
                echo E
            case --delete-service
                echo D
            case --clear
                echo C
            case --list -l\*
                echo L
            case --zero
                echo Z
            case --add-server
                echo a
            case --edit-server
                echo e
            case --delete-server
                echo d
            case --restore
                echo R
            case --save
                echo S
            case '--*'
                string replace --regex -- '=.*' '' $word
            case '-*'
                string sub --start 2 --length 1 -- $word
            case '*'
                continue
        end
        return 0
    end
    return 1
end

function __ipvsadm_is
    set -l command (__ipvsadm_command)
    and contains -- $command $argv
end

# Whether the word before the cursor is one of these.
function __ipvsadm_after
    contains -- (commandline --cut-at-cursor --tokenize --current-process)[-1] $argv
end

# The table as ipvsadm -S writes it; nothing where it may not be read. Completion loads no module.
function __ipvsadm_table
    set -q __ipvsadm_loaded
    or test -e /proc/net/ip_vs
    and ipvsadm -S -n 2>/dev/null
end

function __ipvsadm_services
    __ipvsadm_is A
    or __ipvsadm_table | string match --regex --groups-only -- "^-A $argv[1] (\S+)"
end

function __ipvsadm_servers
    __ipvsadm_table | string match --regex --groups-only -- '^-a .* -r (\S+)' | sort -u
end

function __ipvsadm_scheduler_flags
    string match --quiet --regex -- '(-s|--scheduler)[ =]?sh\b' (commandline --cut-at-cursor)
    and printf '%s\n' sh-fallback sh-port
    string match --quiet --regex -- '(-s|--scheduler)[ =]?mh\b' (commandline --cut-at-cursor)
    and printf '%s\n' mh-fallback mh-port
    printf '%s\n' flag-1 flag-2 flag-3
end

complete -c ipvsadm -f

complete -c ipvsadm -n 'not __ipvsadm_command' -s A -l add-service -d 'add a virtual service'
complete -c ipvsadm -n 'not __ipvsadm_command' -s E -l edit-service -d 'replace the attributes of a service'
complete -c ipvsadm -n 'not __ipvsadm_command' -s D -l delete-service -d 'delete a service'
complete -c ipvsadm -n 'not __ipvsadm_command' -s C -l clear -d 'delete every service'
complete -c ipvsadm -n 'not __ipvsadm_command' -s L -s l -l list -d 'list the table'
complete -c ipvsadm -n 'not __ipvsadm_command' -s Z -l zero -d 'zero counters'
complete -c ipvsadm -n 'not __ipvsadm_command' -s a -l add-server -d 'add a real server'
complete -c ipvsadm -n 'not __ipvsadm_command' -s e -l edit-server -d 'replace the attributes of a real server'
complete -c ipvsadm -n 'not __ipvsadm_command' -s d -l delete-server -d 'delete a real server'
complete -c ipvsadm -n 'not __ipvsadm_command' -l set -d 'set timeouts: tcp tcpfin udp'
complete -c ipvsadm -n 'not __ipvsadm_command' -l start-daemon -x -a 'master backup' -d 'start a synchronization daemon'
complete -c ipvsadm -n 'not __ipvsadm_command' -l stop-daemon -x -a 'master backup' -d 'stop a synchronization daemon'
complete -c ipvsadm -n '__ipvsadm_after --start-daemon --stop-daemon' -a 'master backup'
complete -c ipvsadm -n 'not __ipvsadm_command' -s R -l restore -d 'read commands from standard input'
complete -c ipvsadm -n 'not __ipvsadm_command' -s S -l save -d 'write the table as commands'
complete -c ipvsadm -n 'not __ipvsadm_command' -s h -l help -d 'print the options'
complete -c ipvsadm -n 'not __ipvsadm_command' -s v -l version -d 'print the version'

complete -c ipvsadm -n '__ipvsadm_is A E D L Z a e d' -s t -l tcp-service -x -a '(__ipvsadm_services -t)' -d 'TCP service'
complete -c ipvsadm -n '__ipvsadm_is A E D L Z a e d' -s u -l udp-service -x -a '(__ipvsadm_services -u)' -d 'UDP service'
complete -c ipvsadm -n '__ipvsadm_is A E D L Z a e d' -l sctp-service -x -a '(__ipvsadm_services --sctp-service)' -d 'SCTP service'
complete -c ipvsadm -n '__ipvsadm_is A E D L Z a e d' -s f -l fwmark-service -x -a '(__ipvsadm_services -f)' -d 'firewall mark'
complete -c ipvsadm -n '__ipvsadm_is A E D L Z a e d' -s 6 -l ipv6 -d 'after -f: marked packets of IPv6'

complete -c ipvsadm -n '__ipvsadm_is A E' -s s -l scheduler -x -a 'rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos none' -d 'scheduler'
complete -c ipvsadm -n '__ipvsadm_is A E' -s b -l sched-flags -x -a '(__ipvsadm_scheduler_flags)' -d 'flags of the scheduler'
complete -c ipvsadm -n '__ipvsadm_is A E' -s p -l persistent -d 'seconds that a client stays, or 360'
complete -c ipvsadm -n '__ipvsadm_is A E' -s M -l netmask -x -d 'clients that count as one'
complete -c ipvsadm -n '__ipvsadm_is A E' -l pe -x -a 'sip' -d 'persistence engine'
complete -c ipvsadm -n '__ipvsadm_is A E' -s o -l ops -d 'schedule every packet'

complete -c ipvsadm -n '__ipvsadm_is e d' -s r -l real-server -x -a '(__ipvsadm_servers)' -d 'real server'
complete -c ipvsadm -n '__ipvsadm_is a' -s r -l real-server -x -d 'real server'
complete -c ipvsadm -n '__ipvsadm_is a e' -s g -l gatewaying -d 'direct routing'
complete -c ipvsadm -n '__ipvsadm_is a e' -s i -l ipip -d 'tunnelling'
complete -c ipvsadm -n '__ipvsadm_is a e' -s m -l masquerading -d 'network address translation'
complete -c ipvsadm -n '__ipvsadm_is a e' -s w -l weight -x -d 'share of new connections'
complete -c ipvsadm -n '__ipvsadm_is a e' -s x -l u-threshold -x -d 'connections with which it is full'
complete -c ipvsadm -n '__ipvsadm_is a e' -s y -l l-threshold -x -d 'connections below which it is not'
complete -c ipvsadm -n '__ipvsadm_is a e' -l tun-type -x -a 'ipip gue gre' -d 'encapsulation'
complete -c ipvsadm -n '__ipvsadm_is a e' -l tun-port -x -d 'UDP port of gue'
complete -c ipvsadm -n '__ipvsadm_is a e' -l tun-nocsum -d 'no checksum'
complete -c ipvsadm -n '__ipvsadm_is a e' -l tun-csum -d 'checksum'
complete -c ipvsadm -n '__ipvsadm_is a e' -l tun-remcsum -d 'remote checksum offload'

complete -c ipvsadm -n '__ipvsadm_is L S' -s n -l numeric -d 'no names'
complete -c ipvsadm -n '__ipvsadm_is L' -s X -l exact -d 'numbers in full'
complete -c ipvsadm -n '__ipvsadm_is L' -l stats -d 'totals'
complete -c ipvsadm -n '__ipvsadm_is L' -l rate -d 'rates'
complete -c ipvsadm -n '__ipvsadm_is L' -l thresholds -d 'thresholds'
complete -c ipvsadm -n '__ipvsadm_is L' -l persistent-conn -d 'persistence'
complete -c ipvsadm -n '__ipvsadm_is L' -l tun-info -d 'encapsulation'
complete -c ipvsadm -n '__ipvsadm_is L' -l sort -d 'sorted, as it is anyhow'
complete -c ipvsadm -n '__ipvsadm_is L' -l nosort -d 'in the order of the kernel'
complete -c ipvsadm -n '__ipvsadm_is L' -s c -l connection -d 'connection table'
complete -c ipvsadm -n '__ipvsadm_is L' -l client -x -d 'connections of these clients'
complete -c ipvsadm -n '__ipvsadm_is L' -l vip -x -d 'connections to this virtual address'
complete -c ipvsadm -n '__ipvsadm_is L' -l real -x -d 'connections to this real server'
complete -c ipvsadm -n '__ipvsadm_is L' -l state -x -a 'NONE ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN SYNACK UDP ASSURED' -d 'connections in this state'
complete -c ipvsadm -n '__ipvsadm_is L' -l count-by -x -a 'client vip real state' -d 'connections, counted'
complete -c ipvsadm -n '__ipvsadm_is L' -l timeout -d 'timeouts'
complete -c ipvsadm -n '__ipvsadm_is L' -l daemon -d 'synchronization daemons'

complete -c ipvsadm -n '__ipvsadm_is L' -l json -d 'one JSON object'
complete -c ipvsadm -n '__ipvsadm_is L S' -l no-load -d 'load no module'
complete -c ipvsadm -n '__ipvsadm_is R' -l replace -d 'make the table what is read'
complete -c ipvsadm -n '__ipvsadm_command >/dev/null; and not __ipvsadm_is h v' -l netns -x -a '(ls /run/netns 2>/dev/null)' -d 'network namespace'
complete -c ipvsadm -n '__ipvsadm_command >/dev/null; and not __ipvsadm_is h v' -l explain -d 'cause and cure of an error'

complete -c ipvsadm -n '__ipvsadm_is L --start-daemon --stop-daemon' -l syncid -x -d 'group of directors, 0 to 255'
complete -c ipvsadm -n '__ipvsadm_is --start-daemon' -l mcast-interface -x -a '(ls /sys/class/net)' -d 'interface'
complete -c ipvsadm -n '__ipvsadm_is --start-daemon' -l sync-maxlen -x -d 'longest message'
complete -c ipvsadm -n '__ipvsadm_is --start-daemon' -l mcast-group -x -d 'multicast group'
complete -c ipvsadm -n '__ipvsadm_is --start-daemon' -l mcast-port -x -d 'UDP port'
complete -c ipvsadm -n '__ipvsadm_is --start-daemon' -l mcast-ttl -x -d 'time to live'

complete -c ipvsadm-save -f
complete -c ipvsadm-save -s n -d 'no names'
complete -c ipvsadm-save -l file -r -F -d 'file to replace'
complete -c ipvsadm-restore -f
complete -c ipvsadm-restore -l file -r -F -d 'file to read'
