# Completion of lvsctl for bash.

_lvsctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words='' word
    local role='' verb=''
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            director | real-server | apply | diff | install | uninstall | doctor | snapshot | help) role=${role:-$word} ;;
            up) verb=${verb:-$word} ;;
            # Of a role where one was said, or else of a cluster file.
            down | status) if [ -n "$role" ]; then verb=${verb:-$word}; else role=$word; fi ;;
        esac
    done
    case $previous in
        --mode) words='nat tun dr' ;;
        --role) words='director real-server' ;;
        --allow) words='add edit quiesce delete' ;;
        --scheduler) words='rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos' ;;
        --state-dir | --root)
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return
            ;;
        --netns) words=$(ip netns list 2>/dev/null | cut -d' ' -f1) ;;
        --device) words=$(cd /sys/class/net && echo *) ;;
        --symptom)
            words='no-syn no-synack client-reset some-clients uploads-hang after-minutes after-reboot'
            ;;
        --from | snapshot)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --vip | --service | --real | --gateway | --watch | --wait) ;;
        *)
            words='--dry-run --json --netns --state-dir --wait --verbose --help'
            case $role,$verb in
                ,) words="director real-server apply diff down status install uninstall doctor snapshot help $words --version" ;;
                help,*) words='director real-server apply diff down status install uninstall doctor snapshot' ;;
                apply,* | diff,* | down,* | status,* | install,* | uninstall,* | doctor,*)
                    case $role in
                        apply | diff) words="--role --keep-weights --exclusive --allow $words" ;;
                        status) words="--role $words" ;;
                        install) words="--role --keep-weights --exclusive --root $words" ;;
                        uninstall) words="--root $words" ;;
                        doctor) words="--fix --yes --undo --probe --symptom --watch --from --role $words" ;;
                    esac
                    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"; compgen -f -- "$current")
                    return
                    ;;
                snapshot,*) ;;
                *,) words="up down status $words" ;;
                director,*) words="--mode --vip --device --service --scheduler --real $words" ;;
                *) words="--mode --vip --device --gateway $words" ;;
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _lvsctl lvsctl
