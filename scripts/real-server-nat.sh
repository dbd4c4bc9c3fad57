#!/bin/sh
# Makes this machine a real server of LVS with network address translation; `stop` reverts it.
# Usage: real-server-nat.sh start|stop|status. Change the settings below, or set them in the environment.
set -eu

# Lists are separated by spaces and may contain IPv6 addresses.
: "${VIPS:=216.34.94.17}" # virtual addresses
: "${GATEWAYS:=192.168.20.254}" # address of the director on this side; one per family
: "${DEVICE:=}" # interface towards the director; default: the one whose subnet contains the gateway

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
