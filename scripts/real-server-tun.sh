#!/bin/sh
# Makes this machine a real server of LVS with IP tunnelling; `stop` reverts it.
# Usage: real-server-tun.sh start|stop|status. Change the settings below, or set them in the environment.
set -eu

# Lists are separated by spaces and may contain IPv6 addresses.
: "${VIPS:=192.168.10.10}" # virtual addresses

case ${1:-} in
    start) verb=up ;;
    stop) verb=down ;;
    status) verb=status ;;
    *)
        echo "Usage: $0 start|stop|status" >&2
        exit 1
        ;;
esac
set -- --mode tun
for vip in $VIPS; do set -- "$@" --vip "$vip"; done

lvsctl real-server "$verb" "$@"
