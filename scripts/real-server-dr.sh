#!/bin/sh
# Makes this machine a real server of LVS with direct routing; `stop` reverts it.
# Usage: real-server-dr.sh start|stop|status. Change the settings below, or set them in the environment.
set -eu

# Lists are separated by spaces and may contain IPv6 addresses.
: "${VIPS:=192.168.10.10}" # virtual addresses
: "${DEVICE:=}" # interface towards the director; default: the one whose subnet contains the VIPs

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
