#!/bin/sh
# Makes this machine a real server of LVS with direct routing, and takes that back.
# Usage: real-server-dr.sh start|stop|status, with the settings below changed here or in the environment.
set -eu

# Lists are separated by spaces. IPv6 goes too.
: "${VIPS:=192.168.10.10}" # addresses that clients connect to
: "${DEVICE:=}" # interface that faces the director; by default the one whose subnet holds the addresses

case ${1:-} in
    start) verb=up ;;
    stop) verb=down ;;
    status) verb=status ;;
    *)
        echo "Usage: $0 start|stop|status" >&2
        exit 1
        ;;
esac
set -- --mode dr
[ -z "$DEVICE" ] || set -- "$@" --device "$DEVICE"
for vip in $VIPS; do set -- "$@" --vip "$vip"; done

lvsctl real-server "$verb" "$@"
