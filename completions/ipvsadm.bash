# Completion of ipvsadm, ipvsadm-save and ipvsadm-restore for bash.

# The table as ipvsadm -S writes it; nothing where it may not be read. Completion loads no module.
_ipvsadm_table() {
    [[ ${_ipvsadm_loaded-} || -e /proc/net/ip_vs ]] && ipvsadm -S -n 2>/dev/null
}

# The short spelling of a long option that says what the line is about.
_ipvsadm_short() {
    case $1 in
        --add-service) echo A ;;
        --edit-service) echo E ;;
        --delete-service) echo D ;;
        --clear) echo C ;;
        --list) echo L ;;
        --zero) echo Z ;;
        --add-server) echo a ;;
        --edit-server) echo e ;;
        --delete-server) echo d ;;
        --restore) echo R ;;
        --save) echo S ;;
        --help) echo h ;;
        --version) echo v ;;
        --tcp-service) echo t ;;
        --udp-service) echo u ;;
        --fwmark-service) echo f ;;
        --scheduler) echo s ;;
        --sched-flags) echo b ;;
        --netmask) echo M ;;
        --persistent) echo p ;;
        --real-server) echo r ;;
        --weight) echo w ;;
        --u-threshold) echo x ;;
        --l-threshold) echo y ;;
        *) echo "$1" ;;
    esac
}

# The long options that go with a command.
_ipvsadm_options() {
    local service='--tcp-service --udp-service --sctp-service --fwmark-service --ipv6'
    [[ ! $1 || $1 == [hv] ]] || echo "--netns --explain"
    case $1 in
        A | E) echo "$service --scheduler --sched-flags --persistent --netmask --pe --ops" ;;
        D | Z) echo "$service" ;;
        a | e)
            echo "$service --real-server --gatewaying --ipip --masquerading --weight" \
                "--u-threshold --l-threshold --tun-type --tun-port --tun-nocsum --tun-csum" \
                "--tun-remcsum"
            ;;
        d) echo "$service --real-server" ;;
        L | l)
            echo "$service --numeric --exact --stats --rate --thresholds --persistent-conn" \
                "--tun-info --sort --nosort --connection --timeout --daemon --syncid --json --no-load" \
                "--client --vip --real --state --count-by"
            ;;
        S) echo "--numeric --no-load" ;;
        R) echo --replace ;;
        --start-daemon)
            echo "--mcast-interface --syncid --sync-maxlen --mcast-group --mcast-port --mcast-ttl"
            ;;
        --stop-daemon) echo --syncid ;;
        '')
            echo "-A --add-service -E --edit-service -D --delete-service -C --clear -L --list" \
                "-Z --zero -a --add-server -e --edit-server -d --delete-server --set" \
                "--start-daemon --stop-daemon -R --restore -S --save -h --help -v --version"
            ;;
    esac
}

# The option at the end of a bundle of short ones that waits for its argument, as -At.
_ipvsadm_waiting() {
    local bundle=${1#-} letter
    while [[ $bundle ]]; do
        letter=${bundle:0:1} bundle=${bundle:1}
        if [[ $letter == [tufsbMprwxy] ]]; then
            [[ $bundle ]] || echo "$letter"
            return
        fi
    done
}

# What may follow an option.
_ipvsadm_values() {
    local option=$1 command=$2 scheduler=$3 service=$4
    case $option in
        s) echo rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos none ;;
        b)
            case ${scheduler:-wlc} in
                sh | mh) echo "$scheduler-fallback" "$scheduler-port" flag-1 flag-2 flag-3 ;;
                *) echo flag-1 flag-2 flag-3 ;;
            esac
            ;;
        t | u | f | --sctp-service)
            [[ $command == A ]] && return
            [[ $option == --* ]] || option=-$option
            _ipvsadm_table | awk -v option="$option" '$1 == "-A" && $2 == option { print $3 }'
            ;;
        r)
            [[ $command == [ed] ]] || return
            _ipvsadm_table | awk -v service="$service" '$1 == "-a" && $3 == service {
                for (i = 4; i < NF; i++) if ($i == "-r") print $(i + 1) }'
            ;;
        --pe) echo sip ;;
        --tun-type) echo ipip gue gre ;;
        --count-by) echo client vip real state ;;
        --state)
            echo NONE ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK \
                LISTEN SYNACK UDP ASSURED
            ;;
        --netns) (cd /run/netns 2>/dev/null && echo *) ;;
        --start-daemon | --stop-daemon) echo master backup ;;
        --mcast-interface) (cd /sys/class/net 2>/dev/null && echo *) ;;
    esac
}

# Whether an option takes an argument that must be there.
_ipvsadm_takes_argument() {
    case $1 in
        [tufsbMrwxy] | --sctp-service | --pe | --tun-type | --tun-port | --syncid | --sync-maxlen | --netns) ;;
        --client | --vip | --real | --state | --count-by) ;;
        --mcast-* | --start-daemon | --stop-daemon) ;;
        *) return 1 ;;
    esac
}

_ipvsadm() {
    local line=${COMP_LINE:0:COMP_POINT} words word current='' command='' waiting='' scheduler=''
    local service='' prefix='' candidates
    # The line itself: bash would split addresses at their colons.
    read -ra words <<<"$line"
    if [[ $line != *[[:blank:]] ]]; then
        current=${words[-1]}
        unset 'words[-1]'
    fi
    for word in "${words[@]:1}"; do
        if [[ ! $waiting && $word == --*=* ]]; then
            waiting=$(_ipvsadm_short "${word%%=*}")
            word=${word#*=}
        fi
        if [[ $waiting ]]; then
            case $waiting in
                s) scheduler=$word ;;
                t | u | f | --sctp-service) service=$word ;;
            esac
            waiting=
        elif [[ $word == --* ]]; then
            word=$(_ipvsadm_short "$word")
            command=${command:-$word}
            if _ipvsadm_takes_argument "$word"; then waiting=$word; fi
        elif [[ $word == -* ]]; then
            command=${command:-${word:1:1}}
            waiting=$(_ipvsadm_waiting "$word")
        fi
    done
    if [[ ! $waiting && $current == --*=* ]]; then
        waiting=$(_ipvsadm_short "${current%%=*}")
        [[ $COMP_WORDBREAKS == *=* ]] || prefix=${current%%=*}=
        current=${current#*=}
    fi

    COMPREPLY=()
    case ${words[0]##*/} in
        ipvsadm-save | ipvsadm-restore)
            if [[ ${words[-1]} == --file || $waiting == --file ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
            fi
            candidates=--file
            [[ ${words[0]} != *-save ]] || candidates='-n --file'
            ;;
        *)
            if [[ $waiting ]]; then
                candidates=$(_ipvsadm_values "$waiting" "$command" "$scheduler" "$service")
            elif [[ ! $command || $current == -* ]]; then
                candidates=$(_ipvsadm_options "$command")
            fi
            ;;
    esac
    # What is before the last colon is not part of the word that bash replaces.
    local kept=''
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then kept=${current%"${current##*:}"}; fi
    read -rd '' -a candidates <<<"${candidates-}" || true
    for word in "${candidates[@]}"; do
        if [[ $word == "$current"* && " ${words[*]} " != *" $word "* ]]; then
            COMPREPLY+=("$prefix${word#"$kept"}")
        fi
    done
}

complete -F _ipvsadm ipvsadm ipvsadm-save ipvsadm-restore
