#!/bin/sh
# Makes this machine a real server of LVS with network address translation, and takes that back.
# Usage: real-server-nat.sh start|stop|status, with the settings below changed here or in the environment.
set -eu

# Lists are separated by spaces. IPv6 goes too.
: "${VIPS:=216.34.94.17}" # addresses that clients connect to
: "${GATEWAYS:=192.168.20.254}" # the director, as this machine knows it; one a family
: "${DEVICE:=}" # interface that faces the director; by default the one whose subnet holds the gateway

case ${1:-} in
    start) verb=up ;;
    stop) verb=down ;;
    status) verb=status ;;
    *)
        echo "Usage: $0 start|stop|status" >&2
        exit 1
        ;;
esac
set -- --mode nat
[ -z "$DEVICE" ] || set -- "$@" --device "$DEVICE"
for vip in $VIPS; do set -- "$@" --vip "$vip"; done
for gateway in $GATEWAYS; do set -- "$@" --gateway "$gateway"; done

lvsctl real-server "$verb" "$@"
