#!/bin/sh
# Makes this machine the director of LVS with direct routing; `stop` reverts it.
# Usage: director-dr.sh start|stop|status. Change the settings below, or set them in the environment.
set -eu

# Lists are separated by spaces and may contain IPv6 addresses: each VIP gets the real servers of its family.
: "${VIPS:=192.168.10.10}" # virtual addresses
: "${SERVICES:=tcp:80}" # PROTOCOL:PORT
: "${SCHEDULER:=rr}"
: "${REAL_SERVERS:=192.168.10.2 192.168.10.3}" # ADDRESS[,weight=N]
: "${DEVICE:=}" # interface for the VIPs; default: the one whose subnet contains them

case ${1:-} in
    start) verb=up ;;
    stop) verb=down ;;
    status) verb=status ;;
    *)
        echo "Usage: $0 start|stop|status" >&2
        exit 1
        ;;
esac
set -- --mode dr --scheduler "$SCHEDULER"
[ -z "$DEVICE" ] || set -- "$@" --device "$DEVICE"
for vip in $VIPS; do set -- "$@" --vip "$vip"; done
for service in $SERVICES; do set -- "$@" --service "$service"; done
for server in $REAL_SERVERS; do set -- "$@" --real "$server"; done

if [ "$verb" = status ]; then ipvsadm --list --numeric --no-load; fi
lvsctl director "$verb" "$@"
